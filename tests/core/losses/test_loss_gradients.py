"""Gradients of every loss, with its settings and over sequences, against central differences."""

import numpy as np
import pytest

from lockstep.core.losses import LOSSES, LossSpec, denominator
from tests.gradcheck import TOLERANCE, Model, loss, network

LAYERS: list[object] = [
    {"type": "linear", "in": 4, "out": 5},
    {"type": "tanh"},
    {"type": "linear", "in": 5, "out": 3},
]
SEQUENCE: list[object] = [
    {"type": "unflatten", "shape": [2, 3]},
    {"type": "linear", "in": 3, "out": 4},
    {"type": "tanh"},
    {"type": "linear", "in": 4, "out": 3},
]
WEIGHTS = [0.5, 2.0, 1.5]
SETTINGS: dict[str, list[dict[str, object]]] = {
    "mse": [{}],
    "half_sse": [{}],
    "sse": [{}],
    "mae": [{}],
    "huber": [{"delta": 0.1}],
    "smooth_l1": [{"beta": 0.1}],
    "cross_entropy": [
        {},
        {"weight": WEIGHTS},
        {"ignore_index": 1},
        {"label_smoothing": 0.3},
        {"weight": WEIGHTS, "ignore_index": 1, "label_smoothing": 0.3},
    ],
    "nll": [{}, {"weight": WEIGHTS, "ignore_index": 1}],
    "binary_cross_entropy": [{}, {"pos_weight": WEIGHTS}],
    "kl_div": [{}, {"log_target": True}],
    "hinge": [{"margin": 0.3}],
    "multi_margin": [{"margin": 0.3, "weight": WEIGHTS}, {"p": 2}],
}
"""Of every loss: together they give each of its settings."""
CASES = [loss(name, **settings) for name, several in SETTINGS.items() for settings in several]


def model(layers: list[object], columns: int, spec: LossSpec) -> Model:
    found = Model(network(layers, columns), spec, rows=7)
    if spec.type == "hinge":
        found.plan.y[...] = np.arange(found.plan.y.size).reshape(found.plan.y.shape) % 2
    found.plan.denominator[...] = denominator(spec, found.plan.y)
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_checked_with_each_of_its_settings(name: str) -> None:
    given = {"type"}.union(*SETTINGS.get(name, ()))

    assert name in SETTINGS, f'give "{name}" to SETTINGS: its gradient is not compared with differences'
    assert set(LOSSES[name].settings.model_fields) == given, f'add a case of "{name}" to SETTINGS'


@pytest.mark.parametrize("spec", CASES, ids=str)
def test_with_settings(spec: LossSpec) -> None:
    assert model(LAYERS, 4, spec).worst_error() < TOLERANCE


@pytest.mark.parametrize("spec", CASES, ids=str)
def test_over_sequences(spec: LossSpec) -> None:
    assert model(SEQUENCE, 6, spec).worst_error() < TOLERANCE


def test_ignored_targets_have_no_gradient() -> None:
    """What stands where the target is ignored may be anything: the gradient stays the same."""
    found = model(SEQUENCE, 6, loss("cross_entropy", ignore_index=1, weight=WEIGHTS))
    found.plan.y[3] = 1
    before = found.gradient()
    found.plan.x[3] += 1.0

    np.testing.assert_array_equal(found.gradient(), before)
