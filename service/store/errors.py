"""What the store raises. SQLAlchemy's own errors (a database away or locked) pass through unchanged."""


class StoreError(Exception):
    """The store refuses; the message says what was expected, what came, and what to do."""


class Fenced(StoreError):
    """The attempt is over: the job was evicted, released or ended. Nothing of its transaction may be kept."""


class NotFound(StoreError):
    """No such thing, or it is somebody else's: the two are not told apart."""


class KeyReused(StoreError):
    """The idempotency key came before with another body."""


class Refused(StoreError):
    """The job's status does not allow it; `reason` is one word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ReplayMismatch(StoreError):
    """Steps done again brought other bits than those on record; `series` and `step` say where first."""

    def __init__(self, series: str, step: int, message: str) -> None:
        super().__init__(message)
        self.series = series
        self.step = step


class Corrupt(StoreError):
    """Stored bytes no longer have the SHA-256 that they were stored under."""
