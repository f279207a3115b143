"""How long a job's thread may be silent: at least as the settings say, longer where size or group need it."""

from typing import Any

import pytest

from lockstep.core.submission import parse_job, resolve
from lockstep.service.settings import Settings
from lockstep.worker.drive import HangLimits
from tests.specs import DIGITS, LINE

SETTINGS = Settings(database_url="sqlite:///unused")
WIDE = DIGITS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 4096},
            {"type": "linear", "in": 4096, "out": 4096},
            {"type": "linear", "in": 4096, "out": 10},
        ]
    },
    "batch_size": "full",
    "accumulate": 1000,
}


def limits(raw: dict[str, Any], settings: Settings = SETTINGS) -> HangLimits:
    return HangLimits.of(resolve(parse_job(raw), lambda: 0), settings)


@pytest.mark.parametrize("raw", [DIGITS, LINE | {"epochs": 3}], ids=["digits", "line"])
def test_small_jobs_go_by_the_settings(raw: dict[str, Any]) -> None:
    assert limits(raw) == HangLimits(loading=60, step=60)
    assert limits(raw, SETTINGS.model_copy(update={"hung_seconds": 2.0})) == HangLimits(loading=2, step=2)


def test_a_large_step_may_take_as_long_as_its_size_lets_expect() -> None:
    assert limits(WIDE).loading == 60
    assert limits(WIDE).step > 600


def test_a_member_of_a_group_may_wait_as_long_as_the_others_are_given() -> None:
    patient = SETTINGS.model_copy(update={"step_timeout_seconds": 100.0})

    assert limits(DIGITS, patient).step == 60
    assert limits(DIGITS | {"workers": 2, "shards": 2}, patient).step > 400
