"""Targets of kl_div are probabilities: sums other than 1 are refused, roundings by hand are not."""

import math
from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_spec
from tests.specs import DIGITS, changed, linear

FINE = [[0.5, 0.25, 0.25], [0.3333, 0.3333, 0.3333], [0.5, 0.5, 0.0009], [1, 0, 0]]
WRONG = [[0.5, 0.4, 0], [0.5, 0.5, 0.1], [0.5, 0.5, 0.002], [0.333, 0.333, 0.33], [0, 0, 0]]


def job(rows: list[list[float]], *, log_target: bool) -> dict[str, Any]:
    if log_target:
        rows = [[math.log(p) if p else -math.inf for p in row] for row in rows]
        rows = [[max(value, -1000.0) for value in row] for row in rows]
    return changed(
        DIGITS,
        model={"layers": [*linear(1, 3)["layers"], {"type": "log_softmax"}]},
        data={"inline": {"x": list(range(len(rows))), "y": rows}},
        loss={"type": "kl_div", "log_target": log_target},
    )


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("row", FINE)
def test_probabilities_rounded_by_hand_are_taken(row: list[float], log_target: bool) -> None:
    parse_spec(job([[0.2, 0.3, 0.5], row], log_target=log_target))


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("row", WRONG)
def test_what_does_not_add_up_to_1_is_refused(row: list[float], log_target: bool) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(job([[0.2, 0.3, 0.5], row], log_target=log_target))

    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("/data/inline/y/1", "not_a_distribution")
    assert f"add up to 1, got {sum(row):g}" in problem.message
