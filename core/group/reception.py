"""Who may come in at a door. The door's thread asks; nothing here waits."""

import threading
from typing import Protocol

from lockstep.core.group.frames import ProtocolError
from lockstep.core.group.messages import LEAD, Acceptance, Address, Introduction


class Reception(Protocol):
    """What a member answers at its door."""

    def accept(self, introduction: Introduction) -> Acceptance:
        """Take in one that has no number yet. Raises ProtocolError, with what to tell it, if it may not."""

    def knows(self, number: int) -> bool:
        """Whether one with this number may link with us."""

    def forget(self, number: int) -> None:
        """It has gone away before it was let in."""


class LeadsReception:
    """Gives out numbers, and says where the others are: members, and those who were accepted before."""

    def __init__(self, seats: int) -> None:
        self._seats = seats
        self._next = LEAD + 1
        self._doors: dict[int, Address] = {}
        self._lock = threading.Lock()

    def open(self, own_door: Address) -> None:
        """Where the lead itself is."""
        with self._lock:
            self._doors[LEAD] = own_door

    def accept(self, introduction: Introduction) -> Acceptance:
        """See Reception."""
        with self._lock:
            if len(self._doors) > self._seats:
                raise ProtocolError("no seat is free", "seat")
            number = self._next
            self._next += 1
            acceptance = Acceptance(number=number, doors=dict(self._doors))
            self._doors[number] = introduction.door
            return acceptance

    def knows(self, number: int) -> bool:
        """See Reception."""
        with self._lock:
            return number in self._doors

    def forget(self, number: int) -> None:
        """See Reception; also of a member that has left."""
        with self._lock:
            self._doors.pop(number, None)


class HelpersReception:
    """Lets in whoever the lead has given a number."""

    def accept(self, introduction: Introduction) -> Acceptance:
        """See Reception."""
        raise ProtocolError(
            f"{introduction.worker_id or 'a worker'} is at the door of a helper, not the lead's"
        )

    def knows(self, number: int) -> bool:
        """See Reception."""
        return number > LEAD

    def forget(self, number: int) -> None:
        """See Reception; there is nothing to forget."""
