"""The default series: what they hold, when they come, and that group and resume do not alter a bit."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.observation import layers_of, stride_of
from lockstep.core.learning.report import Points
from lockstep.core.learning.training import Training
from tests.core.learning.training_jobs import DIGITS, LINE, finished, training

pytestmark = pytest.mark.bits

RELU: dict[str, Any] = DIGITS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 16},
            {"type": "relu"},
            [{"type": "linear", "in": 16, "out": 16}, {"type": "tanh"}],
            {"type": "linear", "in": 16, "out": 10},
        ]
    },
    "clip": {"norm": 0.01},
}


def observed(run: Training, stride: int = 1000) -> dict[str, Points]:
    parts: dict[str, list[Points]] = {}
    while not run.finished:
        for name, points in run.advance(stride).series.items():
            parts.setdefault(name, []).append(points)
    return {name: Points.joined(each) for name, each in parts.items()}


@pytest.mark.parametrize(
    ("steps", "stride"),
    [(1, 1), (20, 1), (21, 2), (460, 23), (1000, 25), (5000, 25), (10_000, 50), (10**6, 5000)],
)
def test_samples_are_20_to_200(steps: int, stride: int) -> None:
    assert stride_of(steps) == stride


def test_norms_are_those_of_gradient_weights_and_update() -> None:
    run = training(RELU)
    series = run.advance(1).series
    fresh = training(RELU)
    gradients = fresh.gradients()
    before = fresh.parameters.export()
    after = run.parameters.export()

    def norm(arrays: dict[str, np.ndarray]) -> float:
        return float(np.sqrt(sum((array.astype(np.float64) ** 2).sum() for array in arrays.values())))

    def layer(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: array for name, array in arrays.items() if name.startswith("2.0.")}

    moved = {name: after[name] - before[name] for name in before}
    values = {name: float(points.values[0]) for name, points in series.items()}
    assert values["gradient_norm.2.0"] == pytest.approx(norm(layer(gradients)), rel=1e-6)
    assert values["weight_norm.2.0"] == pytest.approx(norm(layer(before)), rel=1e-6)
    assert values["update_ratio.2.0"] == pytest.approx(norm(layer(moved)) / norm(layer(before)), rel=1e-4)
    assert set(values) == {
        "loss",
        "dead_units.1",
        "saturated_units.2.1",
        *(
            f"{kind}.{name}"
            for kind in ("gradient_norm", "weight_norm", "update_ratio")
            for name in ("0", "2.0", "3")
        ),
    }


def test_dead_and_saturated_units_are_counted() -> None:
    run = training(RELU)
    run.parameters.views["0.bias"][:5] = -1e3
    run.parameters.views["2.0.bias"][:4] = 1e3
    series = run.advance(1).series

    assert series["dead_units.1"].values[0] == pytest.approx(5 / 16)
    assert series["saturated_units.2.1"].values[0] == pytest.approx(4 / 16)


def test_strides_and_resumes_do_not_alter_a_bit() -> None:
    whole = observed(training(RELU), 1000)
    first = training(RELU)
    first.advance(7)
    resumed = observed(training(RELU, checkpoint=first.checkpoint()), 3)

    for name, points in whole.items():
        rest = points.steps >= 7
        np.testing.assert_array_equal(resumed[name].steps, points.steps[rest])
        np.testing.assert_array_equal(resumed[name].values, points.values[rest])


def test_looking_alters_no_weight() -> None:
    blind = training(RELU)
    blind._observer.due = -1

    assert finished(blind).outcome().weights_sha256 == finished(training(RELU)).outcome().weights_sha256


def test_an_expression_has_no_layers() -> None:
    run = training(LINE)

    assert layers_of(run.parameters.graph) == ([], [])
    assert set(run.advance(3).series) == {"loss", "a", "b", "grad.a", "grad.b"}
