"""How long a job's parts may take at most: ever more for larger ones, nothing to speak of for small ones."""

from typing import Any

import pytest

from lockstep.core.submission import parse_job, resolve
from lockstep.core.submission.duration import Duration, longest
from tests.specs import DIGITS, LINE, changed

MINIMIZE: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1.2},
    "optimizer": {"type": "sgd"},
    "steps": 3,
}


def duration(raw: dict[str, Any]) -> Duration:
    return longest(resolve(parse_job(raw), lambda: 0))


@pytest.mark.parametrize("raw", [DIGITS, LINE | {"epochs": 3}, MINIMIZE], ids=["digits", "line", "minimize"])
def test_small_jobs_have_nothing_that_takes_a_second(raw: dict[str, Any]) -> None:
    assert max(duration(raw).step, duration(raw).loading) < 1


def test_a_full_batch_of_a_large_part_may_take_minutes() -> None:
    wide = [{"type": "linear", "in": 2, "out": 1024}, {"type": "linear", "in": 1024, "out": 1024}]
    layers = [*wide, {"type": "linear", "in": 1024, "out": 10}]
    data = {"generator": "blobs", "size": 60_000, "classes": 10}
    raw = changed(DIGITS, model__layers=layers, data=data)

    assert duration(raw).step < 10
    assert duration(raw | {"batch_size": "full"}).step > 300


@pytest.mark.parametrize("key", ["shards", "accumulate"])
def test_each_part_of_a_step_goes_over_all_weights(key: str) -> None:
    assert duration(DIGITS | {key: 32}).step > duration(DIGITS | {key: 1}).step
