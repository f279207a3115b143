"""Findings from series: each fault is found, its neighbours are not, and each is told once."""

import numpy as np
import pytest

from lockstep.core.explain.findings import Watcher, find
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import Points
from lockstep.core.learning.training import Training
from tests.core.learning.training_jobs import DIGITS, resolved


def points(values: object, stride: int = 10) -> Points:
    array = np.asarray(values, dtype=np.float64)
    return Points(steps=np.arange(len(array), dtype=np.int64) * stride, values=array)


FALLING = points(np.geomspace(2.0, 0.1, 100))
CALM = {
    "gradient_norm.0": points(np.full(100, 0.5)),
    "gradient_norm.2": points(np.full(100, 1.0)),
    "dead_units.1": points(np.full(100, 0.1)),
    "saturated_units.3": points(np.full(100, 0.2)),
    "loss": FALLING,
    "validation_loss": points(np.geomspace(2.0, 0.2, 20), 50),
}
OVERFITTED = points(np.concatenate([np.geomspace(2.0, 0.5, 10), np.geomspace(0.5, 0.9, 10)]), 50)
CASES = [
    ("vanishing_gradients", "0", {"gradient_norm.0": points(np.full(100, 1e-5))}),
    ("exploding_gradients", "2", {"gradient_norm.2": points([*np.ones(50), 5e3])}),
    ("exploding_gradients", "2", {"gradient_norm.2": points([*np.ones(50), np.inf])}),
    ("dead_units", "1", {"dead_units.1": points([0.1, 0.6, 0.7, 0.7])}),
    ("saturated_units", "3", {"saturated_units.3": points([0.1, 0.6, 0.7, 0.9])}),
    ("divergence", None, {"loss": points(np.geomspace(1.0, 9.0, 100))}),
    ("divergence", None, {"loss": points([*np.geomspace(2.0, 0.01, 50), *np.full(9, 1.5)])}),
    ("plateau", None, {"loss": points([*np.geomspace(2.0, 1.9, 20), *np.full(80, 1.9)])}),
    ("overfitting", None, {"validation_loss": OVERFITTED}),
]


@pytest.mark.parametrize(("code", "layer", "series"), CASES)
def test_each_fault_is_found(code: str, layer: str | None, series: dict[str, Points]) -> None:
    (found,) = find(CALM | series)

    assert (found.code, found.layer) == (code, layer)
    assert "Try " in found.message
    assert found.step > 0


def test_a_sound_training_has_no_findings() -> None:
    assert list(find(CALM)) == []
    assert list(find({"loss": points(np.full(100, 0.0))})) == []
    converged = points([*np.geomspace(2.0, 0.01, 20), *np.full(80, 0.01)])
    assert list(find({"loss": converged})) == []


def test_too_few_points_are_no_grounds() -> None:
    assert (
        list(find({name: Points(steps=p.steps[:2], values=p.values[:2]) for name, p in CALM.items()})) == []
    )


def test_a_watcher_tells_each_finding_once_however_points_come() -> None:
    losses = np.full(10_000, 1.9)
    losses[:100] = 2.0
    told = []
    watcher = Watcher(steps=10_000)
    for start in range(0, 10_000, 700):
        part = slice(start, start + 700)
        watcher.add({"loss": Points(steps=np.arange(10_000)[part], values=losses[part])})
        watcher.add({"dead_units.1": Points.of([(start, 0.9)])})
        told += [(found.code, found.layer) for found in watcher.new()]

    assert sorted(told) == [("dead_units", "1"), ("plateau", None)]


def test_a_batch_norm_over_one_row_is_not_taken_for_vanishing_gradients() -> None:
    """It passes nothing back at all. Such jobs are refused by now, but some are stored."""
    layers = [
        {"type": "linear", "in": 4, "out": 8},
        {"type": "batch_norm_1d", "num_features": 8},
        {"type": "tanh"},
        {"type": "linear", "in": 8, "out": 3},
    ]
    raw = DIGITS | {"model": {"layers": layers}, "data": {"builtin": "iris"}, "shards": 1}
    spec = resolved(raw).model_copy(update={"batch_size": 1})
    run, watcher = Training(spec, load_dataset(spec), SoloGroup()), Watcher(300)

    watcher.add(run.advance(300).series)

    told = {(found.code, found.layer): found.message for found in watcher.new()}
    assert ("no_gradient", "0") in told
    assert not [layer for code, layer in told if code == "vanishing_gradients"]
    assert "a batch norm over a single row" in told["no_gradient", "0"]
