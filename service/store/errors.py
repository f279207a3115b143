"""What the store raises. SQLAlchemy's own errors (a database away or locked) pass through unchanged."""

from typing import Literal

RecordPart = Literal[
    "spec",
    "inline_data",
    "metadata",
    "result",
    "transitions",
    "times",
    "counts",
    "weights",
    "preprocessing",
    "history",
]
"""A part of a job's record. `inline_data` are its initial weights too: what a spec is stored without."""


class StoreError(Exception):
    """The store refuses; the message says what was expected, what came, and what to do."""


class Fenced(StoreError):
    """The attempt is over: the job was evicted, released or ended. Nothing of its transaction may be kept."""


class NotFound(StoreError):
    """It does not exist, or is another owner's: callers can't tell which."""


class KeyReused(StoreError):
    """The idempotency key was used before with another body."""


class Refused(StoreError):
    """The job's status does not allow it; `reason` is one word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Unfit(StoreError):
    """What was asked for does not fit what is there; `pointer` says what of it, `code` is a word."""

    def __init__(self, pointer: str, code: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.code = code


class ReplayMismatch(StoreError):
    """Steps that were done again gave other bits than those on record; first at `step` of `series`."""

    def __init__(self, series: str, step: int, message: str) -> None:
        super().__init__(message)
        self.series = series
        self.step = step


class Corrupt(StoreError):
    """Stored bytes no longer have the SHA-256 that they were stored under."""


class CorruptCheckpoint(Corrupt):
    """The checkpoint of `step`, written by `attempt`, is Corrupt; one before it has to serve."""

    def __init__(self, step: int, attempt: int, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.attempt = attempt


class Damaged(StoreError):
    """A part of a job's record can't be read any more; the rest can."""

    def __init__(self, part: RecordPart, message: str) -> None:
        super().__init__(message)
        self.part = part
