"""How long a member may keep the others waiting: it follows from how long recent collectives took. Pure."""

from collections import deque
from statistics import median

from lockstep.core.group.terms import SLOWEST_LINK_BYTES_PER_SECOND, Timeouts, patience

_ENOUGH = 5
_REMEMBERED = 15
_SLOWER_THAN_USUAL = 4.0


class Pace:
    """The durations of recent collectives of one kind in one generation.

    Until there are enough of them, others have `step_seconds`: a new member makes its plans in its first one.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def took(self, seconds: float) -> None:
        """Note how long a collective took, from the end of the one before."""
        self._seconds.append(seconds)

    def patience(self, own_seconds: float, exchanged_bytes: int) -> float:
        """How long to wait for others once our own part, which took `own_seconds`, is done."""
        most = patience(self._timeouts.step_seconds, own_seconds, exchanged_bytes)
        if len(self._seconds) < _ENOUGH:
            return most
        usual = _SLOWER_THAN_USUAL * max(own_seconds, median(self._seconds))
        return min(
            most, max(self._timeouts.least_seconds, usual) + exchanged_bytes / SLOWEST_LINK_BYTES_PER_SECOND
        )
