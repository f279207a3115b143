"""A group of one gives the bits of the tree."""

import numpy as np
import pytest

from lockstep.core.group.solo import SoloGroup
from tests.core.group.team import Numbers

pytestmark = pytest.mark.bits


@pytest.mark.parametrize("leaves", range(1, 10))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_total_is_the_trees(leaves: int, dtype: type) -> None:
    group = SoloGroup()
    for seed in range(2):
        for empty in (frozenset[int](), frozenset({0, leaves - 1}), frozenset(range(leaves))):
            work = Numbers(leaves, seed=seed, dtype=dtype, empty=empty)
            out = np.full(work.width, np.nan, work.dtype)
            group.welcome(lambda: b"never asked for")
            group.all_reduce(work, out, admits=True)
            np.testing.assert_array_equal(out, work.total())
    group.close("done")
    assert (group.rank, group.world_size, group.generation) == (0, 1, 0)


def test_a_power_of_two_of_leaves_is_one_call_into_the_output() -> None:
    work = Numbers(8)
    SoloGroup().all_reduce(work, np.empty(work.width, work.dtype), admits=False)
    assert [(block.first, block.count) for block in work.computed] == [(0, 8)]
