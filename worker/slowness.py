"""Which member keeps the others waiting: the one that computes slower, by its own figures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lockstep.core.group.figures import MemberFigures

SLOWER = 1.5
"""So many times the others' time for a shard is slow."""
LOOKS = 4
"""For so many looks in a row: a worker that something disturbs for a moment is none of interest."""


@dataclass(frozen=True, kw_only=True)
class SlowMember:
    """A member that has been slower than the others for a while; the seconds are for a shard of one step."""

    worker_id: str
    host: str
    rank: int
    shard_seconds: float
    others_seconds: float


class SlowWatch:
    """Compares what members computed from look to look, and names each slow one once."""

    def __init__(self) -> None:
        self._before: dict[str, MemberFigures] = {}
        self._step = 0
        self._in_a_row: dict[str, int] = {}
        self._named: set[str] = set()

    def look(self, figures: Sequence[MemberFigures], step: int) -> list[SlowMember]:
        """Those that are found slow now; `figures` are as they were before step `step`."""
        taken = {shown.worker_id: self._shard_seconds(shown, step - self._step) for shown in figures}
        self._before, self._step = {shown.worker_id: shown for shown in figures}, step
        times = {worker_id: seconds for worker_id, seconds in taken.items() if seconds is not None}
        found: list[SlowMember] = []
        for shown in figures:
            mine = times.get(shown.worker_id)
            others = [seconds for worker_id, seconds in times.items() if worker_id != shown.worker_id]
            is_slow = mine is not None and bool(others) and mine > SLOWER * median(others)
            self._in_a_row[shown.worker_id] = self._in_a_row.get(shown.worker_id, 0) + 1 if is_slow else 0
            if mine is None or self._in_a_row[shown.worker_id] < LOOKS or shown.worker_id in self._named:
                continue
            self._named.add(shown.worker_id)
            found.append(
                SlowMember(
                    worker_id=shown.worker_id,
                    host=shown.host,
                    rank=shown.rank,
                    shard_seconds=mine,
                    others_seconds=median(others),
                )
            )
        return found

    def _shard_seconds(self, shown: MemberFigures, steps: int) -> float | None:
        """For a shard of a step since the last look; None where the group was another one, or did nothing."""
        before = self._before.get(shown.worker_id)
        if before is None or before.generation != shown.generation or not (steps > 0 and shown.shards > 0):
            return None
        seconds = shown.compute_seconds - before.compute_seconds
        return seconds / (steps * shown.shards) if seconds > 0 else None
