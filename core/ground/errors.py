"""The errors of the core. Each message says what was expected, what came, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass


class LockstepError(Exception):
    """Base of all errors that Lockstep raises on purpose."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a spec.

    `pointer` is a JSON pointer (RFC 6901) into what the user wrote, "" for the whole of it; for a key that is
    missing, it is where the key belongs. `code` is for programs, `message` for people.
    """

    pointer: str
    code: str
    message: str


class SpecError(LockstepError):
    """A spec is refused; `problems` holds at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.message}" for p in self.problems))


class ExpressionError(LockstepError):
    """An expression cannot be read; `column` (from 1) is where in its text, `message` why."""

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        self.message = message
        super().__init__(f"column {column}: {message}")


class DomainError(LockstepError):
    """A function met a value outside its domain; the message names function, value and step.

    `param` is a JSON pointer to the part of the spec at fault.
    """

    def __init__(self, message: str, param: str = "/model/expression") -> None:
        self.param = param
        super().__init__(message)


class Diverged(LockstepError):
    """The loss or a gradient is no longer a finite number; the message names the step.

    `param` is a JSON pointer to the part of the spec at fault.
    """

    def __init__(self, message: str, param: str = "/optimizer/learning_rate") -> None:
        self.param = param
        super().__init__(message)


class Interrupted(LockstepError):
    """Whoever drives a run wants it to stop amid a step, which then has had no effect."""


class InvalidData(LockstepError):
    """Data cannot be used: its shape, its kind or its values are wrong."""
