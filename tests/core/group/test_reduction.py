"""The lead's sum has the bits of the tree, in whatever order chunks arrive and whoever is lost on the way."""

import numpy as np
import pytest

from lockstep.core.group.reduction import CHUNK_BYTES, Reduction
from tests.core.group.team import Numbers

pytestmark = pytest.mark.bits

WIDTH = 2 * CHUNK_BYTES // 4 + 100  # three chunks


def bytes_of(work: Numbers, reduction: Reduction, index: int) -> bytes | None:
    vector = np.empty(work.width, work.dtype)
    return vector.tobytes() if work.partial(reduction.blocks[index], vector) else None


def feed(reduction: Reduction, index: int, data: bytes | None, chunks: int) -> None:
    """Put the next chunks of a block where they belong, as the network would."""
    if data is None:
        reduction.set_empty(index)
        return
    for _ in range(chunks):
        place = reduction.place(index)
        start = CHUNK_BYTES * (reduction._arrived[index])
        place[:] = data[start : start + len(place)]
        reduction.chunk_arrived(index)


def drain(reduction: Reduction) -> list[bytes]:
    totals = []
    while (total := reduction.add_next_chunk()) is not None:
        totals.append(bytes(total))
    return totals


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("empty", [frozenset[int](), frozenset({0, 1}), frozenset({3}), frozenset(range(6))])
def test_chunks_may_arrive_in_any_interleaving(world_size: int, empty: frozenset[int]) -> None:
    work = Numbers(6, WIDTH, empty=empty)
    reduction = Reduction(work, world_size)
    for seed in range(3):
        random = np.random.default_rng(seed)
        out = np.full(WIDTH, np.nan, work.dtype)
        reduction.begin(out)
        data = {index: bytes_of(work, reduction, index) for index in range(len(reduction.blocks))}
        turns = [index for index in data for _ in range(3 if data[index] is not None else 1)]
        random.shuffle(turns)
        totals = []
        for index in turns:
            feed(reduction, index, data[index], 1)
            totals += drain(reduction)
        assert reduction.done
        np.testing.assert_array_equal(out, work.total())
        assert b"".join(totals) == out.tobytes()


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("arrived", [0, 1, 2])
def test_a_block_that_is_computed_anew_after_some_of_it_was_added(lost: int, arrived: int) -> None:
    """Block 0 too, which is not always the lead's own: its memory is that of the total."""
    work = Numbers(3, WIDTH)
    reduction = Reduction(work, 4)
    assert reduction.missing(0) == []
    out = np.full(WIDTH, np.nan, work.dtype)
    reduction.begin(out)
    totals = []
    for index in range(3):
        feed(reduction, index, bytes_of(work, reduction, index), arrived if index == lost else 3)
    totals += drain(reduction)
    assert len(totals) == arrived
    assert reduction.missing(lost + 1) == [lost]
    reduction.compute(lost, work)
    totals += drain(reduction)
    assert reduction.done
    np.testing.assert_array_equal(out, work.total())
    assert b"".join(totals) == out.tobytes()


def test_the_output_may_change_from_one_collective_to_the_next() -> None:
    work = Numbers(2)
    reduction = Reduction(work, 1)
    for _ in range(2):
        out = np.empty(work.width, work.dtype)
        reduction.begin(out)
        reduction.compute(0, work)
        drain(reduction)
        np.testing.assert_array_equal(out, work.total())
