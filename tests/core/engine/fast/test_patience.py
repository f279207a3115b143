"""When plans of several shards are built."""

import numpy as np
import pytest

from lockstep.core.engine.fast import patience
from lockstep.core.engine.step import StepWork
from lockstep.core.ground.shards import Block
from tests.core.engine.fast.test_together import one_by_one, work
from tests.core.learning.training_jobs import DIGITS

pytestmark = pytest.mark.bits
BATCH = 24


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_told", set())
    monkeypatch.setattr(patience, "PATIENCE", 6)


def runs_before(work: StepWork, count: int) -> int:
    """How many runs the shards go one by one; each has the same bits."""
    out = np.empty(work.width, work.dtype)
    block = Block(0, count)
    for run in range(20):
        work.select(run)
        with np.errstate(all="ignore"):
            assert work.partial(block, out)
            assert out.tobytes() == one_by_one(work, block).tobytes()
        if work._together.built:
            return run
    raise AssertionError("never built")


@pytest.mark.parametrize(("shards", "runs"), [(2, 7), (4, 3), (8, 1)])
def test_the_more_shards_the_sooner(shards: int, runs: int) -> None:
    assert runs_before(work(DIGITS, BATCH, shards), shards) == runs


def test_what_was_told_once_is_known_at_once() -> None:
    runs_before(work(DIGITS, BATCH, 4), 4)

    assert runs_before(work(DIGITS, BATCH, 4), 4) == 0
    assert runs_before(work(DIGITS, BATCH, 2), 2) == 7
    assert runs_before(work(DIGITS, 2 * BATCH, 4), 4) == 3
    assert runs_before(work(DIGITS | {"dtype": "float64"}, BATCH, 4), 4) == 3


def test_one_block_has_its_own_patience() -> None:
    each = work(DIGITS, BATCH, 8)

    assert runs_before(each, 2) == 7
    assert list(each._together.built) == [(2, BATCH // 8)]
