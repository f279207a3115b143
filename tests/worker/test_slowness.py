"""The slow member is named by the time that it computes, once, and only where it stays slow."""

from collections.abc import Sequence
from dataclasses import replace

from lockstep.core.group.figures import MemberFigures
from lockstep.worker.slowness import LOOKS, SlowMember, SlowWatch
from tests.worker.test_roster import SHOWN


def members(*shard_seconds: float, shards: int = 2) -> list[tuple[float, int]]:
    return [(seconds, shards) for seconds in shard_seconds]


def looks(
    watch: SlowWatch, speeds: Sequence[tuple[float, int]], count: int, start: int = 0, generation: int = 5
) -> list[SlowMember]:
    """So many looks, ten steps apart, at members that take so long for a shard and have so many."""
    found = []
    for number in range(start, start + count):
        figures: list[MemberFigures] = [
            replace(
                SHOWN,
                rank=rank,
                worker_id=f"worker_{rank}",
                generation=generation,
                shards=shards,
                compute_seconds=number * 10 * shards * seconds,
            )
            for rank, (seconds, shards) in enumerate(speeds)
        ]
        found += watch.look(figures, number * 10)
    return found


def test_the_slow_one_is_named_once() -> None:
    found = looks(SlowWatch(), members(1e-3, 2e-3, 1.1e-3), 20)

    (slow,) = found
    assert (slow.worker_id, slow.rank) == ("worker_1", 1)
    assert abs(slow.shard_seconds - 2e-3) < 1e-9
    assert abs(slow.others_seconds - 1.05e-3) < 1e-9


def test_more_shards_are_not_slower() -> None:
    assert looks(SlowWatch(), [(1e-3, 4), (1e-3, 2), (1e-3, 2)], 20) == []


def test_a_disturbance_names_nobody() -> None:
    watch = SlowWatch()
    for start in range(0, 60, 6):
        assert looks(watch, members(1e-3, 1e-3), 4, start) == []
        assert looks(watch, members(1e-3, 1e-3 * (1 + 0.1 * (start % 12))), 2, start + 4) == []


def test_looks_across_a_change_of_members_count_for_nothing() -> None:
    watch = SlowWatch()
    for start in range(0, 10 * LOOKS, LOOKS - 1):
        assert looks(watch, members(1e-3, 2e-3), LOOKS - 1, start, generation=start) == []


def test_one_alone_is_not_slow() -> None:
    assert looks(SlowWatch(), members(1.0), 20) == []
