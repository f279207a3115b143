"""What can be asked about checkpoints, and what can't."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.spec.kept import MAX_KEPT, CheckpointRules
from lockstep.core.submission import parse_job
from tests.specs import DIGITS, LINE, changed

BOWL: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1},
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "steps": 1000,
}


def problems(raw: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        parse_job(raw)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_all_three_rules_are_read() -> None:
    rules = {"every_steps": 500, "keep_last": 3, "keep_best": True}

    spec = parse_job(changed(DIGITS, data__validation_fraction=0.1, checkpoints=rules))

    assert spec.checkpoints == CheckpointRules(every_steps=500, keep_last=3, keep_best=True)


@pytest.mark.parametrize("raw", [LINE, BOWL])
def test_without_the_key_a_spec_says_nothing_of_it(raw: dict[str, Any]) -> None:
    assert "checkpoints" not in parse_job(raw).model_dump_json(exclude_none=True)


def test_the_best_needs_rows_to_validate_by() -> None:
    rules = {"keep_best": True}

    assert problems(LINE | {"checkpoints": rules}) == [("/checkpoints/keep_best", "no_validation_part")]
    assert problems(BOWL | {"checkpoints": rules}) == [("/checkpoints/keep_best", "no_validation_part")]


def test_no_job_keeps_more_than_a_thousand_states() -> None:
    raw = BOWL | {"steps": MAX_KEPT + 1, "checkpoints": {"every_steps": 1}}

    assert problems(raw) == [("/checkpoints/every_steps", "too_many_checkpoints")]
    parse_job(BOWL | {"steps": MAX_KEPT, "checkpoints": {"every_steps": 1}})
    parse_job(BOWL | {"steps": MAX_KEPT + 1, "checkpoints": {"every_steps": 2}})


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"every_steps": 0}, "/checkpoints/every_steps"),
        ({"keep_last": 0}, "/checkpoints/keep_last"),
        ({"keep_best": 1}, "/checkpoints/keep_best"),
        ({"every": 3}, "/checkpoints/every"),
    ],
)
def test_other_rules_are_refused(rules: dict[str, Any], pointer: str) -> None:
    assert [at for at, _ in problems(LINE | {"checkpoints": rules})] == [pointer]
