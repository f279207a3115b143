"""A formula's training records each parameter and its gradient: which numbers, and when."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lockstep.core.engine.fast.scalar.steps
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.recording import MAX_POINTS, stride_of
from lockstep.core.learning.report import Points
from lockstep.core.learning.training import Training
from tests.core.learning.training_jobs import DIGITS, LINE, finished, training

pytestmark = pytest.mark.bits

X, Y = (1, 2, 5, 3), (6, 8, 7, 1)
DATA = {"inline": {"x": list(X), "y": list(Y)}}
WAYS: list[dict[str, Any]] = [
    {},
    {"optimizer": {"type": "sgd", "learning_rate": 0.01, "momentum": 0.9}},
    {"optimizer": {"type": "adam", "learning_rate": 0.1}},
    {"clip": {"norm": 0.5}},
    {"penalty": {"l1": 0.25, "l2": 0.5}},
    {"batch_size": 3, "shuffle": False},
    {"batch_size": 2, "shuffle": False, "accumulate": 2},
    {"shards": 4, "workers": 2},
    {"schedule": {"type": "exponential", "gamma": 0.5}},
    {"dtype": "float32"},
]


def whole(trained: Training, stride: int = 1000) -> dict[str, Points]:
    """Every series up to the end."""
    parts: dict[str, list[Points]] = {}
    while not trained.finished:
        report = trained.advance(stride)
        assert report.failure is None, report.failure
        for name, points in report.series.items():
            parts.setdefault(name, []).append(points)
    return {name: Points.joined(each) for name, each in parts.items()}


def slopes(a: float, b: float, rows: Sequence[int], penalty: dict[str, Any]) -> tuple[float, float]:
    """The gradient of the mean square, by hand, in fractions."""
    p, q = Fraction(a), Fraction(b)
    errors = [(p * X[row] + q - Y[row], X[row]) for row in rows]
    l1, l2 = Fraction(penalty.get("l1", 0)), Fraction(penalty.get("l2", 0))
    by_a = 2 * sum(e * x for e, x in errors) / len(rows) + 2 * l2 * p + l1 * (1 if p > 0 else -1)
    by_b = 2 * sum(e for e, _ in errors) / len(rows) + 2 * l2 * q + l1 * (1 if q > 0 else -1)
    return float(by_a), float(by_b)


@pytest.mark.parametrize("changes", WAYS, ids=str)
def test_a_point_holds_the_parameters_before_the_step_and_the_whole_batch_s_gradient(
    changes: dict[str, Any],
) -> None:
    raw = LINE | {"data": DATA, "epochs": 3, "optimizer": {"type": "sgd", "learning_rate": 0.01}} | changes
    series = whole(training(raw))
    states = training(raw)
    size = changes.get("batch_size", 4) * changes.get("accumulate", 1)

    for step in range(3):
        a, b = (float(series[name].values[step]) for name in "ab")
        assert (a, b) == tuple(states.checkpoint().parameters.tolist())
        states.advance(1)
        start = step * size % 4 if size < 4 else 0
        rows = list(range(start, min(start + size, 4)))
        if size == 3:
            rows = [[0, 1, 2], [3], [0, 1, 2]][step]
        expected = slopes(a, b, rows, changes.get("penalty", {}))
        found = (series["grad.a"].values[step], series["grad.b"].values[step])
        np.testing.assert_allclose(found, expected, rtol=1e-6 if "dtype" in changes else 1e-12)
        assert series["a"].steps[step] == step
    assert series["a"].values.dtype == np.float64


@pytest.mark.parametrize("changes", WAYS, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_resume_records_the_same_bits(changes: dict[str, Any], stride: int) -> None:
    raw = LINE | {"data": DATA, "epochs": 6} | changes
    record = whole(training(raw))
    before = training(raw)
    before.advance(stride)

    again = whole(training(raw, checkpoint=Checkpoint.from_bytes(before.checkpoint().to_bytes())), stride)

    for name in ("a", "b", "grad.a", "grad.b", "loss"):
        np.testing.assert_array_equal(again[name].steps, record[name].steps[stride:])
        np.testing.assert_array_equal(again[name].values, record[name].values[stride:])


@pytest.mark.parametrize(("steps", "stride"), [(1, 1), (100_000, 1), (100_001, 2), (10_000_000, 100)])
def test_long_jobs_record_the_multiples_of_a_stride(steps: int, stride: int) -> None:
    assert stride_of(steps) == stride
    assert len(range(0, steps, stride)) <= MAX_POINTS


@pytest.mark.parametrize("is_scalar", [True, False])
@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 50])
def test_however_the_steps_come_the_same_ones_are_recorded(
    is_scalar: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_scalar:
        monkeypatch.setattr(lockstep.core.engine.fast.scalar.steps, "MAX_VALUES", -1)
    every = whole(training(LINE | {"epochs": 40}))
    thinned = training(
        LINE | {"epochs": 3 * MAX_POINTS, "stop": {"loss_below": float(every["loss"].values[37])}}
    )
    assert (thinned._ahead is not None) is is_scalar

    series = whole(thinned, at_once)

    for name in ("a", "grad.a", "grad.b"):
        assert series[name].steps.tolist() == list(range(0, 39, 3))
        np.testing.assert_array_equal(series[name].values, every[name].values[:39:3])
    assert series["loss"].steps.tolist() == list(range(39))


def test_a_step_that_fails_is_recorded_beside_its_loss() -> None:
    trained = training(LINE | {"model": {"expression": "exp(a*x) + b", "parameters": {"a": 800, "b": 0}}})

    report = trained.advance(10)

    assert report.failure is not None
    assert report.series["a"].values.tolist() == [800.0]
    assert report.series["a"].steps.tolist() == report.series["loss"].steps.tolist() == [0]


def test_layers_record_no_parameters() -> None:
    series = whole(training(DIGITS | {"epochs": 1}))

    assert not any(name.startswith("grad.") or name == "0.weight" for name in series)


def test_recording_changes_no_bit_of_what_is_learned() -> None:
    assert finished(training(LINE)).outcome().weights["a"] == 2.00000078438591
