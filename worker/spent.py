"""What a group has spent its time on and refused, counted once however often a transaction is tried again."""

from collections.abc import Mapping

from sqlalchemy import Connection

from lockstep.service.store import counted, counters


class Spent:
    """Writes what has come to the sums since the last write that was committed."""

    def __init__(self) -> None:
        self._told: Mapping[tuple[str, str], float] = {}
        self._now: Mapping[tuple[str, str], float] = {}

    def look(self, seconds: Mapping[str, float], refused: Mapping[str, int]) -> None:
        """These are the sums now: seconds by what they were spent on, refused frames by reason."""
        self._now = {
            **{("seconds", spent): value for spent, value in seconds.items()},
            **{("refused", reason): float(value) for reason, value in refused.items()},
        }

    def write(self, tx: Connection) -> None:
        """Count what is new; it stays new until `written`, for the transaction may fail."""
        for (what, label), value in self._now.items():
            new = max(value - self._told.get((what, label), 0.0), 0.0)
            if what == "seconds":
                counters.count(tx, counted.GROUP_SECONDS, new, spent=label)
            else:
                counters.count(tx, counted.REFUSED_FRAMES, new, reason=label)

    def written(self) -> None:
        """That transaction is committed."""
        self._told = self._now
