"""History: bits kept, replays compared, chunks packed."""

from collections.abc import Mapping

import numpy as np
import pytest

from lockstep.core.learning.report import Points
from lockstep.service.store import history
from lockstep.service.store.database import Database
from lockstep.service.store.errors import ReplayMismatch
from lockstep.service.store.history import FULL_CHUNK_POINTS
from lockstep.service.store.history_chunks import MAX_CHUNK_POINTS
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.tables import history as table
from tests.stored_jobs import claim, evict, fenced, points, queue_job


@pytest.fixture
def held(database: Database) -> JobClaim:
    queue_job(database)
    return claim(database)


def add(database: Database, held: JobClaim, **series: Points) -> None:
    fenced(database, held, lambda fence: history.append(fence, series))


def read(
    database: Database, held: JobClaim, since: int | None = None, most: int | None = None
) -> Mapping[str, Points]:
    with database.read() as tx:
        return dict(history.read(tx, held.job_id, since_step=since, max_points=most).series)


def chunks(database: Database) -> int:
    with database.read() as tx:
        return len(tx.execute(table.select()).all())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_come_back_bit_for_bit(database: Database, held: JobClaim, dtype: str) -> None:
    strange = np.array([0.1, -0.0, 5e-324, np.inf, -np.inf, np.nan], dtype=dtype)
    strange.view(f"u{strange.itemsize}")[-1] += 12345  # a NaN with a payload
    steps = np.array([0, 1, 2, 7, 8, 100], dtype=np.int64)
    add(database, held, loss=Points(steps=steps, values=strange))
    found = read(database, held)["loss"]
    assert found.values.dtype == dtype
    assert found.values.tobytes() == strange.tobytes()
    assert found.steps.tolist() == steps.tolist()
    assert found.steps.dtype == np.int64


def test_points_join_the_open_chunk_until_it_is_full(database: Database, held: JobClaim) -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=3 * FULL_CHUNK_POINTS)
    at = 0
    for size in [1, 10, 500, 3000, 4000, 1, 4000, 776]:
        add(database, held, loss=points(at, *values[at : at + size]))
        at += size
    assert at == len(values)
    assert chunks(database) == 2
    found = read(database, held)["loss"]
    assert found.values.tobytes() == values.tobytes()
    assert found.steps.tolist() == list(range(at))


def test_long_batches_are_cut(database: Database, held: JobClaim) -> None:
    values = np.arange(MAX_CHUNK_POINTS + 10.0)
    add(database, held, loss=points(0, *values))
    add(database, held, loss=points(len(values), 1.0))
    assert chunks(database) == 2
    assert len(read(database, held)["loss"].values) == len(values) + 1


def test_series_are_read_by_name_and_since_a_step(database: Database, held: JobClaim) -> None:
    add(database, held, loss=points(0, 4, 3, 2, 1), validation_loss=points(1, 7, 8, every=2))
    assert set(read(database, held)) == {"loss", "validation_loss"}
    assert read(database, held, since=1)["loss"].steps.tolist() == [2, 3]
    assert read(database, held, since=1)["validation_loss"].values.tolist() == [8]
    assert set(read(database, held, since=3)) == set()
    with database.read() as tx:
        assert set(history.read(tx, held.job_id, ["loss", "absent"]).series) == {"loss"}
        assert history.read(tx, "job_0").series == {}


def test_replayed_points_are_compared_and_later_ones_added(database: Database, held: JobClaim) -> None:
    nan = float("nan")
    add(database, held, loss=points(0, 5, 4, nan, 2), epoch_loss=points(1, 4.5, every=2))
    evict(database, held)
    again = claim(database)
    add(database, again, loss=points(1, 4, nan))
    add(database, again, loss=points(3, 2, 1, 0), epoch_loss=points(3, 2.5, every=2))
    found = read(database, again)
    np.testing.assert_array_equal(found["loss"].values, [5, 4, nan, 2, 1, 0])
    assert found["epoch_loss"].steps.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("replayed", "step"),
    [
        (points(1, 4, 3 + 1e-15, 2), 2),
        (points(0, 5, -4), 1),
        (Points(steps=np.array([1, 3]), values=np.array([4.0, 2.0])), 3),
        (Points(steps=np.array([0, 1, 2, 3, 5]), values=np.array([5.0, 4.0, 3.0, 2.5, 1])), 3),
        (points(2, 3, dtype="float32"), 2),
    ],
    ids=["one bit", "sign", "a step left out", "a wrong last one", "dtype"],
)
def test_a_replay_with_other_bits_is_refused_and_nothing_is_written(
    database: Database, held: JobClaim, replayed: Points, step: int
) -> None:
    add(database, held, loss=points(0, 5, 4, 3, 2))
    with pytest.raises(ReplayMismatch, match="loss") as error:
        add(database, held, extra=points(0, 1), loss=replayed)
    assert (error.value.series, error.value.step) == ("loss", step)
    assert set(read(database, held)) == {"loss"}


def test_a_replay_at_other_steps_is_refused(database: Database, held: JobClaim) -> None:
    add(database, held, loss=Points(steps=np.array([0, 2, 4]), values=np.ones(3)))
    with pytest.raises(ReplayMismatch) as error:
        add(database, held, loss=Points(steps=np.array([0, 3, 4]), values=np.ones(3)))
    assert error.value.step == 3


def test_a_replay_across_chunks_is_compared(database: Database, held: JobClaim) -> None:
    values = np.arange(2.5 * FULL_CHUNK_POINTS)
    for start in range(0, len(values), 1000):
        add(database, held, loss=points(start, *values[start : start + 1000]))
    from_step = FULL_CHUNK_POINTS // 2
    add(database, held, loss=points(from_step, *values[from_step:], 7.0))
    wrong = values[from_step:].copy()
    wrong[FULL_CHUNK_POINTS] += 1
    with pytest.raises(ReplayMismatch) as error:
        add(database, held, loss=points(from_step, *wrong))
    assert error.value.step == from_step + FULL_CHUNK_POINTS
    assert len(read(database, held)["loss"].values) == len(values) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        points(-1, 1.0),
        Points(steps=np.array([1, 1]), values=np.zeros(2)),
        Points(steps=np.array([1, 2]), values=np.zeros(3)),
        Points(steps=np.array([1.0, 2.0]), values=np.zeros(2)),
        Points(steps=np.array([1, 2]), values=np.zeros(2, dtype=np.int64)),
    ],
    ids=["negative", "twice", "lengths", "kind of steps", "kind of values"],
)
def test_malformed_points_are_refused(database: Database, held: JobClaim, wrong: Points) -> None:
    with pytest.raises(ValueError, match="loss"):
        add(database, held, loss=wrong)


def test_no_points_are_no_write(database: Database, held: JobClaim) -> None:
    add(database, held)
    add(database, held, loss=points(0))
    assert read(database, held) == {}


def test_reading_can_be_thinned(database: Database, held: JobClaim) -> None:
    add(database, held, loss=points(0, *np.arange(10000.0)))
    assert len(read(database, held, most=100)["loss"].steps) <= 100
