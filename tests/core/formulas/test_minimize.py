"""Making formulas small: the numbers on the way, when it ends, how it fails, and that it resumes."""

import math
from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.optim import OPTIMIZERS
from tests.core.formulas.searches import PARABOLA, VALLEY, failure_of, points_of, search

pytestmark = pytest.mark.bits


def test_a_parabola_is_walked_down_to_the_goal() -> None:
    run = search(PARABOLA)

    points = points_of(run)

    np.testing.assert_allclose(points["x"], [1.2, 0.48, 0.192, 0.0768, 0.03072], rtol=1e-15)
    assert points["value"] == [x * x for x in points["x"]]
    assert points["grad.x"] == [2 * x for x in points["x"]]
    assert (run.step, run.stop_reason) == (4, "value_below")
    outcome = run.outcome()
    assert (outcome.loss, outcome.value) == (None, points["value"][-1])
    assert {name: array.tolist() for name, array in outcome.weights.items()} == {"x": points["x"][-1]}


def test_the_steps_follow_the_formula() -> None:
    x, y, walked = 1.0, -2.0, []
    for _ in range(6):
        walked.append((x, y))
        x, y = x - 0.1 * (2 * x + y), y - 0.1 * (x + math.exp(y))

    points = points_of(
        search(
            PARABOLA
            | {"objective": "x**2 + x*y + exp(y)", "start": {"y": -2, "x": 1}, "steps": 5, "stop": {}}
            | {"optimizer": {"type": "sgd", "learning_rate": 0.1}}
        )
    )

    np.testing.assert_allclose(np.transpose([points["x"], points["y"]]), walked, rtol=1e-14)


@pytest.mark.parametrize("objective", ["x", "+x", "exp(2*x)", "-(-x)", "3 + x"])
def test_the_gradient_stays_right_from_step_to_step(objective: str) -> None:
    points = points_of(search(PARABOLA | {"objective": objective, "steps": 5, "stop": {}}))

    slopes = [2 * math.exp(2 * x) for x in points["x"]] if "exp" in objective else [1.0] * 6
    np.testing.assert_allclose(points["grad.x"], slopes, rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "step", "reason"),
    [
        ({"steps": 3}, 3, "steps_done"),
        ({"steps": 4}, 4, "value_below"),
        ({"stop": {"value_below": 2}}, 0, "value_below"),
        ({"stop": {"gradient_norm_below": 0.2}}, 3, "gradient_norm_below"),
        ({"stop": {}, "steps": 7}, 7, "steps_done"),
        ({"objective": "x**2 - 5", "stop": {"value_below": -4.9}}, 2, "value_below"),
    ],
)
def test_it_ends_by_value_by_gradient_and_by_step(changes: dict[str, Any], step: int, reason: str) -> None:
    run = search(PARABOLA | changes)

    points = points_of(run)

    assert (run.step, run.stop_reason) == (step, reason)
    assert len(points["value"]) == step + 1


def test_the_gradient_norm_is_that_of_all_unknowns() -> None:
    run = search(
        PARABOLA | {"objective": "3*x + 4*y", "start": {"x": 0, "y": 0}, "stop": {"gradient_norm_below": 5}}
    )
    assert run.advance(1).step == 1
    run = search(
        PARABOLA
        | {"objective": "3*x + 4*y", "start": {"x": 0, "y": 0}, "stop": {"gradient_norm_below": 5.0001}}
    )
    assert run.advance(1).step == 0


@pytest.mark.parametrize("stride", [1, 7])
def test_the_stride_changes_nothing(stride: int) -> None:
    assert points_of(search(VALLEY), stride) == points_of(search(VALLEY))


PLATEAU = {"type": "reduce_on_plateau", "patience": 1, "threshold": 0.05, "factor": 0.7}


@pytest.mark.parametrize("changes", [{"optimizer": {"type": name}} for name in OPTIMIZERS])
@pytest.mark.parametrize("schedule", [None, PLATEAU])
def test_resume_equals_uninterrupted(changes: dict[str, Any], schedule: dict[str, Any] | None) -> None:
    raw = VALLEY | changes | ({"schedule": schedule} if schedule else {})
    if changes["optimizer"]["type"] == "lbfgs":
        raw = raw | {"optimizer": {"type": "lbfgs", "learning_rate": 0.1}}
    undisturbed = search(raw)
    undisturbed.advance(23)
    saved = Checkpoint.from_bytes(undisturbed.checkpoint().to_bytes())
    rest = undisturbed.advance(1000).series

    resumed = search(raw, saved)
    again = resumed.advance(1000).series

    assert (resumed.step, resumed.stop_reason) == (undisturbed.step, "steps_done")
    assert resumed.outcome().weights_sha256 == undisturbed.outcome().weights_sha256
    assert again.keys() == rest.keys()
    for name, points in rest.items():
        shared = np.isin(again[name].steps, points.steps)
        np.testing.assert_array_equal(again[name].values[shared], points.values)
    assert again["value"].steps.tolist() == list(range(23, 61))


def test_a_schedule_takes_each_step_for_an_epoch() -> None:
    raw = PARABOLA | {"stop": {}, "steps": 4, "schedule": {"type": "exponential", "gamma": 0.5}}

    points = points_of(search(raw))

    assert points["learning_rate"] == [0.3, 0.15, 0.075, 0.0375]
    np.testing.assert_allclose(points["x"][1:3], [1.2 - 0.3 * 2.4, 0.48 - 0.15 * 0.96], rtol=1e-14)


def test_a_domain_error_names_function_step_and_place() -> None:
    raw = PARABOLA | {"objective": "ln(x) + y", "start": {"x": 1, "y": 1}, "stop": {}}
    raw["optimizer"] = {"type": "sgd", "learning_rate": 0.5}

    failure = failure_of(raw)

    assert isinstance(failure, DomainError)
    assert failure.param == "/objective"
    for words in ("step 2:", "ln(x)", "a number above 0", "there x = -0.5"):
        assert words in str(failure)


def test_a_slope_that_is_not_finite_is_a_domain_error_before_the_first_step() -> None:
    failure = failure_of(PARABOLA | {"objective": "sqrt(x)", "start": {"x": 0}, "stop": {}})

    assert isinstance(failure, DomainError)
    assert "step 0:" in str(failure)
    assert "the value 0 is finite but its slope with respect to 'x' is infinite" in str(failure)


def test_numbers_that_grow_beyond_all_bounds_are_diverged() -> None:
    failure = failure_of(PARABOLA | {"objective": "-x**4", "stop": {}})

    assert isinstance(failure, Diverged)
    assert failure.param == "/optimizer/learning_rate"
    assert "lower optimizer.learning_rate" in str(failure)


def test_float32_is_computed_in_float32() -> None:
    points = points_of(search(PARABOLA | {"dtype": "float32"}))

    assert points["x"][1] == float(np.float32(1.2) - np.float32(0.3) * (np.float32(1.2) * np.float32(2)))
    assert search(PARABOLA | {"dtype": "float32"}).checkpoint().parameters.dtype == np.float32
