"""Named points of a protocol, where tests let a process die, freeze or lose a connection. Else: nothing.

A protocol declares its points beside its code and reaches them on its way; a test says what happens there. So
it is counted, not hoped for, that something went wrong at each of them.
"""

from collections.abc import Callable
from typing import ClassVar

Action = Callable[[str], None]
"""What happens at a point, by its name; in the thread that has come there."""


class Failpoint:
    """A point of a protocol. Its name is there once: the area first, as in "group: the total is offered"."""

    __slots__ = ("name",)
    _names: ClassVar[set[str]] = set()
    _action: ClassVar[Action | None] = None

    def __init__(self, name: str) -> None:
        if name in Failpoint._names:
            raise ValueError(f"expected a name of its own for a failpoint, got {name!r} again")
        Failpoint._names.add(name)
        self.name = name

    def reach(self) -> None:
        """To be called where the process is at this point."""
        if Failpoint._action is not None:
            Failpoint._action(self.name)


def failpoints(area: str) -> tuple[str, ...]:
    """The names of an area's points, of all modules that were imported, in order."""
    return tuple(sorted(name for name in Failpoint._names if name.startswith(f"{area}: ")))


def at_failpoints(action: Action | None) -> None:
    """From now on do this at each point that this process reaches; None: nothing, as at first."""
    Failpoint._action = action
