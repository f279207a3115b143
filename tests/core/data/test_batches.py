from typing import Literal

import numpy as np
import pytest

from lockstep.core.data.batches import Batches, steps_in_epoch


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 10, 11, 64, "full"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_each_epoch_sees_every_row_once(batch_size: int | Literal["full"], shuffle: bool) -> None:
    batches = Batches(10, batch_size, shuffle, seed=3)
    for epoch in range(3):
        steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
        rows = [batches.rows_of(step).copy() for step in steps]
        assert sorted(np.concatenate(rows)) == list(range(10))
        size = 10 if batch_size == "full" else min(10, batch_size)
        assert [len(batch) for batch in rows] == [min(size, 10 - start) for start in range(0, 10, size)]
        assert all(len(batch) == size for batch in rows[:-1])


def test_a_batch_follows_from_its_step_alone() -> None:
    forwards, backwards = Batches(50, 7, True, seed=1), Batches(50, 7, True, seed=1)
    seen = [forwards.rows_of(step).tolist() for step in range(40)]
    assert [backwards.rows_of(step).tolist() for step in reversed(range(40))] == seen[::-1]


def test_epochs_and_seeds_differ() -> None:
    batches = Batches(50, 50, True, seed=1)
    orders = {tuple(batches.rows_of(step)) for step in range(5)}
    orders.add(tuple(Batches(50, 50, True, seed=2).rows_of(0)))
    assert len(orders) == 6


@pytest.mark.parametrize(("batch_size", "shuffle"), [("full", True), (4, False)])
def test_without_shuffling_rows_keep_the_data_s_order(
    batch_size: int | Literal["full"], shuffle: bool
) -> None:
    batches = Batches(10, batch_size, shuffle, seed=1)
    rows = np.concatenate([batches.rows_of(step) for step in range(2 * batches.steps_per_epoch)])
    assert rows.tolist() == [*range(10), *range(10)]


def test_rows_can_index_and_not_be_changed() -> None:
    for shuffle in (True, False):
        rows = Batches(10, 4, shuffle, seed=1).rows_of(1)
        assert rows.dtype == np.intp
        with pytest.raises(ValueError, match="read-only"):
            rows[0] = 3


def test_steps_in_epoch() -> None:
    assert [steps_in_epoch(10, size) for size in (1, 3, 5, 10, 11)] == [10, 4, 2, 1, 1]
    assert steps_in_epoch(10, "full") == 1
