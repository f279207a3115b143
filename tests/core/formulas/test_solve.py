"""Giving formulas a value: the numbers on the way, what moves, and where no step can be taken."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.learning.checkpoint import Checkpoint
from tests.core.formulas.searches import PRODUCT, failure_of, points_of, search

pytestmark = pytest.mark.bits


@pytest.mark.parametrize(
    ("refresh", "second", "step"),
    [(True, 150.000077, 2), (False, 150.007970, 4)],
)
def test_a_product_gets_its_value(refresh: bool, second: float, step: int) -> None:
    run = search(PRODUCT | {"refresh_gradient": refresh})

    points = points_of(run)

    np.testing.assert_allclose(points["value"][:3], [162, 150.217687, second], atol=5e-7)
    assert (run.step, run.stop_reason) == (step, "tolerance")
    assert points.keys() == {"value", "b", "grad.b"}
    assert (set(points["grad.b"]) == {63.0}) is not refresh
    outcome = run.outcome()
    assert outcome.value == points["value"][-1]
    assert {name: array.tolist() for name, array in outcome.weights.items()} == {"w": 3, "b": points["b"][-1]}


def test_each_unknown_takes_its_share_of_the_error() -> None:
    w, b, walked = 3.0, 4.0, []
    for _ in range(3):
        walked.append((w, b))
        error = ((2 * w + 3 * b) * (2 * b + 1) - 150) / 2
        slope_w, slope_b = 2 * (2 * b + 1), 3 * (2 * b + 1) + 2 * (2 * w + 3 * b)
        w, b = w - error / slope_w, b - error / slope_b

    spec = {key: value for key, value in PRODUCT.items() if key != "solve_for"}
    points = points_of(search(spec))

    np.testing.assert_allclose(np.transpose([points["w"], points["b"]]), walked, rtol=1e-14)


def test_what_is_not_solved_for_stays_and_needs_no_slope() -> None:
    raw = PRODUCT | {"expression": "sqrt(w)*5 + b**3", "start": {"w": 0, "b": 4}}

    run = search(raw)
    points_of(run)

    assert run.stop_reason == "tolerance"
    assert run.outcome().weights["w"] == 0


@pytest.mark.parametrize(
    ("changes", "step", "reason"),
    [
        ({"tolerance": 12}, 0, "tolerance"),
        ({"tolerance": 0.3}, 1, "tolerance"),
        ({"steps": 1}, 1, "steps_done"),
        ({"steps": 3, "tolerance": 0}, 3, "steps_done"),
        ({"expression": "b", "start": {"b": 1}}, 1, "tolerance"),
    ],
)
def test_it_ends_by_tolerance_and_by_step(changes: dict[str, Any], step: int, reason: str) -> None:
    run = search(PRODUCT | changes)

    points = points_of(run)

    assert (run.step, run.stop_reason) == (step, reason)
    assert len(points["value"]) == step + 1


@pytest.mark.parametrize("refresh", [True, False])
def test_resume_equals_uninterrupted(refresh: bool) -> None:
    raw = PRODUCT | {"solve_for": ["w", "b"], "tolerance": 1e-12, "refresh_gradient": refresh}
    undisturbed = search(raw)
    undisturbed.advance(2)
    saved = Checkpoint.from_bytes(undisturbed.checkpoint().to_bytes())
    rest = undisturbed.advance(1000).series

    resumed = search(raw, saved)
    again = resumed.advance(1000).series

    assert (resumed.step, resumed.stop_reason) == (undisturbed.step, undisturbed.stop_reason)
    assert resumed.outcome().weights_sha256 == undisturbed.outcome().weights_sha256
    for name, points in rest.items():
        np.testing.assert_array_equal(again[name].values[1:], points.values)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"expression": "b**2", "start": {"b": 0}},
            ("step 0:", "derivative other than 0", "with respect to b;", "b = 0: start elsewhere"),
        ),
        (
            {"expression": "b**2 + 0*w", "start": {"b": 1, "w": 3}, "solve_for": ["w", "b"]},
            ("step 0:", "with respect to w;", "leave it out of solve_for"),
        ),
        (
            {"expression": "ln(b)", "start": {"b": 0.1}, "target": -50, "tolerance": 1e-9},
            ("step 1:", "ln(b)", "a number above 0", "there b = "),
        ),
        (
            {"expression": "sqrt(b)", "start": {"b": 0}},
            ("step 0:", "the value 0 is finite but its slope with respect to 'b' is infinite", "there b = 0"),
        ),
    ],
)
def test_where_no_step_can_be_taken_the_failure_says_why(
    changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    failure = failure_of(PRODUCT | changes)

    assert isinstance(failure, DomainError)
    assert failure.param == "/expression"
    for each in words:
        assert each in str(failure)


def test_a_tiny_slope_leads_out_of_the_finite_numbers() -> None:
    failure = failure_of(PRODUCT | {"expression": "b*1e-300", "target": 1e300, "start": {"b": 1}})

    assert isinstance(failure, Diverged)
    assert failure.param == "/start"
    assert "start nearer" in str(failure)
