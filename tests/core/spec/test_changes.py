"""Numbers of arithmetic: what a machine shows under each, and which jobs a later one can compute again."""

from typing import Any

import pytest

from lockstep.core.ground.arithmetic import ARITHMETIC, advanced, lineage
from lockstep.core.spec import AnyResolvedSpec
from lockstep.core.spec.changes import CHANGES, not_comparable
from lockstep.core.submission import parse_job, resolve
from tests.specs import DIGITS, LINE

MACHINE = "a" * 64
WATCHED = {"validation_fraction": 0.2}


def spec(raw: dict[str, Any]) -> AnyResolvedSpec:
    return resolve(parse_job(raw), lambda: 0)


def test_a_machine_shows_another_fingerprint_under_each_number() -> None:
    shown = lineage(MACHINE)

    assert shown[0] == MACHINE
    assert len(set(shown)) == len(shown) == ARITHMETIC
    assert all(len(fingerprint) == 64 for fingerprint in shown)


def test_whoever_knows_one_knows_what_the_machine_shows_now() -> None:
    for number, fingerprint in enumerate(lineage(MACHINE), start=1):
        assert advanced(fingerprint, number) == lineage(MACHINE)[-1]


def test_each_number_has_its_changes() -> None:
    assert sorted({change.number for change in CHANGES}) == list(range(2, ARITHMETIC + 1))


@pytest.mark.parametrize(
    "raw",
    [
        DIGITS,
        DIGITS | {"batch_size": "full", "stop": {"loss_below": 0.1, "patience": 3}},
        DIGITS | {"data": DIGITS["data"] | WATCHED, "stop": {"patience": 3}},
        DIGITS | {"stop": {"restore_best": True}},
        {"kind": "solve", "expression": "x**2", "start": {"x": 1}, "target": 2},
    ],
)
def test_what_a_change_does_not_touch_can_be_computed_again(raw: dict[str, Any]) -> None:
    assert not_comparable(spec(raw), 1) is None


@pytest.mark.parametrize(
    "raw",
    [
        DIGITS | {"stop": {"loss_below": 0.1}},
        DIGITS | {"stop": {"patience": 3}},
        LINE | {"schedule": {"type": "reduce_on_plateau"}, "batch_size": 1},
    ],
)
def test_what_it_touches_says_so(raw: dict[str, Any]) -> None:
    reason = not_comparable(spec(raw), 1)

    assert reason is not None
    assert CHANGES[0].what in reason
    assert not_comparable(spec(raw), ARITHMETIC) is None


def test_a_newer_number_is_not_comparable_either() -> None:
    assert "upgrade" in (not_comparable(spec(LINE), ARITHMETIC + 1) or "")
