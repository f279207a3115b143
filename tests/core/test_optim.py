"""Optimizers against PyTorch's formulas, written again one element at a time."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from core.optim import BLOCK, make_optimizer
from core.parameters import Parameters
from core.spec import Adam, Sgd
from tests.gradcheck import formula

STEPS = 12


def gradients() -> Iterator[tuple[float, float]]:
    for step in range(STEPS):
        yield math.sin(step) + 0.2, -(step**2) / 50.0


def sgd(spec: Sgd, p: float, index: int) -> float:
    buffer = None
    for pair in gradients():
        g = pair[index] + spec.weight_decay * p
        if spec.momentum:
            buffer = g if buffer is None else spec.momentum * buffer + g
            g = g + spec.momentum * buffer if spec.nesterov else buffer
        p -= spec.learning_rate * g
    return p


def adam(spec: Adam, p: float, index: int) -> float:
    m = v = 0.0
    for t, pair in enumerate(gradients(), start=1):
        g = pair[index] + spec.weight_decay * p
        m = spec.betas[0] * m + (1 - spec.betas[0]) * g
        v = spec.betas[1] * v + (1 - spec.betas[1]) * g * g
        root = math.sqrt(v) / math.sqrt(1 - spec.betas[1] ** t)
        p -= spec.learning_rate / (1 - spec.betas[0] ** t) * m / (root + spec.eps)
    return p


SPECS = [
    Sgd(type="sgd", learning_rate=0.1),
    Sgd(type="sgd", learning_rate=0.1, weight_decay=0.3),
    Sgd(type="sgd", learning_rate=0.1, momentum=0.9),
    Sgd(type="sgd", learning_rate=0.1, momentum=0.9, nesterov=True),
    Sgd(type="sgd", learning_rate=0.1, momentum=0.8, nesterov=True, weight_decay=0.3),
    Adam(type="adam", learning_rate=0.1),
    Adam(type="adam", learning_rate=0.1, betas=(0.5, 0.9), eps=1e-3),
    Adam(type="adam", learning_rate=0.1, weight_decay=0.3),
    Adam(type="adam", learning_rate=0.1, betas=(0.0, 0.0)),
]


@pytest.mark.parametrize("spec", SPECS)
def test_steps_follow_the_formula(spec: Sgd | Adam) -> None:
    parameters = Parameters(formula("a*x + b", {"a": 0.5, "b": -2.0}), np.dtype("float64"))
    parameters.initialize(0)
    gradient = np.zeros(2)
    optimizer = make_optimizer(spec, parameters, gradient)

    for step, pair in enumerate(gradients()):
        gradient[:] = pair
        optimizer.step(step)
        assert gradient.tolist() == list(pair)

    expected = [
        sgd(spec, start, index) if isinstance(spec, Sgd) else adam(spec, start, index)
        for index, start in enumerate((0.5, -2.0))
    ]
    assert parameters.flat.tolist() == pytest.approx(expected, rel=1e-13)


class Big(Parameters):
    """Parameters of more than one block."""

    def __init__(self, size: int) -> None:
        self.dtype = np.dtype("float32")
        self.flat = np.linspace(-1, 1, size, dtype=self.dtype)


@pytest.mark.parametrize("spec", SPECS)
def test_blocks_alter_no_bits(spec: Sgd | Adam) -> None:
    """Elements at both sides of a block's edge move as the same elements in a vector of their own do."""
    edge = slice(BLOCK - 3, BLOCK + 4)
    big, small = Big(2 * BLOCK + 5), Big(7)
    small.flat[:] = big.flat[edge]
    gradient = np.linspace(2, -2, 2 * BLOCK + 5, dtype=np.float32)
    own = gradient[edge].copy()
    optimizers = make_optimizer(spec, big, gradient), make_optimizer(spec, small, own)

    for step in range(3):
        for optimizer in optimizers:
            optimizer.step(step)

    assert big.flat[edge].tobytes() == small.flat.tobytes()


@pytest.mark.parametrize("spec", SPECS)
def test_state_restored_in_place_goes_on_to_the_same_bits(spec: Sgd | Adam) -> None:
    gradient = np.array([0.3, -0.7])
    graph = formula("a*x + b", {"a": 0.5, "b": -2.0})
    runs = [Parameters(graph, np.dtype("float64")) for _ in range(2)]
    first, second = (make_optimizer(spec, parameters, gradient) for parameters in runs)
    runs[0].initialize(0)
    for step in range(4):
        first.step(step)
    runs[1].flat[:] = runs[0].flat
    for name, vector in second.state.items():
        vector[:] = first.state[name]

    for optimizer in (first, second):
        for step in range(4, 8):
            optimizer.step(step)

    assert runs[0].flat.tobytes() == runs[1].flat.tobytes()
