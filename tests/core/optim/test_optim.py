"""Optimizers against their formulas, written again one element at a time."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.blas import SHORT
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim import BLOCK, OPTIMIZERS, OptimizerSpec
from lockstep.core.optim.base import Limits
from lockstep.core.optim.lbfgs import Lbfgs
from tests.gradcheck import formula

pytestmark = pytest.mark.bits

STEPS = 12


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """An optimizer's caller keeps numpy's warnings off."""
    with np.errstate(all="ignore"):
        yield


def gradients() -> Iterator[tuple[float, float]]:
    for step in range(STEPS):
        yield math.sin(step) + 0.2, -(step**2) / 50.0


State = dict[str, float]
"""What a formula remembers of one element; 0 where it has set nothing."""


def sgd(spec: Any, p: float, g: float, t: int, state: State) -> float:
    g += spec.weight_decay * p
    if spec.momentum:
        kept = spec.momentum * state["m"] + (1 - spec.dampening) * g if t > 1 else g
        state["m"] = kept
        g = g + spec.momentum * kept if spec.nesterov else kept
    return float(p - spec.learning_rate * g)


def adam(spec: Any, p: float, g: float, t: int, state: State) -> float:
    if spec.type == "adamw":
        p *= 1 - spec.learning_rate * spec.weight_decay
    else:
        g += spec.weight_decay * p
    state["m"] = spec.betas[0] * state.get("m", 0) + (1 - spec.betas[0]) * g
    state["v"] = spec.betas[1] * state.get("v", 0) + (1 - spec.betas[1]) * g * g
    state["top"] = max(state.get("top", 0), state["v"])
    root = math.sqrt(state["top" if spec.amsgrad else "v"]) / math.sqrt(1 - spec.betas[1] ** t)
    return float(p - spec.learning_rate / (1 - spec.betas[0] ** t) * state["m"] / (root + spec.eps))


def nadam(spec: Any, p: float, g: float, t: int, state: State) -> float:
    def momentum(t: int) -> float:
        return float(spec.betas[0] * (1 - 0.5 * 0.96 ** (t * spec.momentum_decay)))

    if spec.decoupled_weight_decay:
        p *= 1 - spec.learning_rate * spec.weight_decay
    else:
        g += spec.weight_decay * p
    state["m"] = spec.betas[0] * state.get("m", 0) + (1 - spec.betas[0]) * g
    state["v"] = spec.betas[1] * state.get("v", 0) + (1 - spec.betas[1]) * g * g
    product = math.prod(momentum(i) for i in range(1, t + 1))
    direction = (1 - momentum(t)) * g / (1 - product)
    direction += momentum(t + 1) * state["m"] / (1 - product * momentum(t + 1))
    return float(
        p - spec.learning_rate * direction / (math.sqrt(state["v"] / (1 - spec.betas[1] ** t)) + spec.eps)
    )


def rmsprop(spec: Any, p: float, g: float, t: int, state: State) -> float:  # noqa: ARG001 - the same at each step
    g += spec.weight_decay * p
    state["v"] = spec.alpha * state.get("v", 0) + (1 - spec.alpha) * g * g
    state["a"] = spec.alpha * state.get("a", 0) + (1 - spec.alpha) * g
    direction = g / (math.sqrt(state["v"] - (state["a"] ** 2 if spec.centered else 0)) + spec.eps)
    state["b"] = spec.momentum * state.get("b", 0) + direction
    return float(p - spec.learning_rate * (state["b"] if spec.momentum else direction))


def adagrad(spec: Any, p: float, g: float, t: int, state: State) -> float:
    g += spec.weight_decay * p
    state["v"] = state.get("v", spec.initial_accumulator_value) + g * g
    rate = spec.learning_rate / (1 + (t - 1) * spec.lr_decay)
    return float(p - rate * g / (math.sqrt(state["v"]) + spec.eps))


def lion(spec: Any, p: float, g: float, t: int, state: State) -> float:  # noqa: ARG001 - the same at each step
    mean = state.get("m", 0)
    update = float(np.sign(spec.betas[0] * mean + (1 - spec.betas[0]) * g))
    state["m"] = spec.betas[1] * mean + (1 - spec.betas[1]) * g
    return float(p - spec.learning_rate * (update + spec.weight_decay * p))


FORMULAS: Mapping[str, Callable[[Any, float, float, int, State], float]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adam,
    "nadam": nadam,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "lion": lion,
}


def optimizer(kind: str, **settings: Any) -> OptimizerSpec:
    return OPTIMIZERS[kind].model_validate({"type": kind, "learning_rate": 0.1, **settings})


ELEMENTWISE = [
    optimizer("sgd"),
    optimizer("sgd", weight_decay=0.3),
    optimizer("sgd", momentum=0.9),
    optimizer("sgd", momentum=0.9, dampening=0.4),
    optimizer("sgd", momentum=0.9, nesterov=True),
    optimizer("sgd", momentum=0.8, nesterov=True, weight_decay=0.3),
    optimizer("adam"),
    optimizer("adam", betas=[0.5, 0.9], eps=1e-3),
    optimizer("adam", weight_decay=0.3, amsgrad=True, betas=[0.5, 0.3]),
    optimizer("adam", betas=[0.0, 0.0]),
    optimizer("adamw", weight_decay=0.3),
    optimizer("nadam", weight_decay=0.3, momentum_decay=0.1),
    optimizer("nadam", weight_decay=0.3, decoupled_weight_decay=True),
    optimizer("rmsprop"),
    optimizer("rmsprop", alpha=0.8, momentum=0.7, centered=True, weight_decay=0.3),
    optimizer("adagrad"),
    optimizer("adagrad", lr_decay=0.2, initial_accumulator_value=0.5, weight_decay=0.3),
    optimizer("lion"),
    optimizer("lion", betas=[0.5, 0.6], weight_decay=0.3),
]
ALL = [*ELEMENTWISE, optimizer("lbfgs", history_size=3)]


@pytest.mark.parametrize("spec", ELEMENTWISE)
def test_steps_follow_the_formula(spec: OptimizerSpec) -> None:
    parameters = Parameters(formula("a*x + b", {"a": 0.5, "b": -2.0}), np.dtype("float64"))
    parameters.initialize(0)
    gradient = np.zeros(2)
    made = spec.build(parameters.flat)
    expected = [0.5, -2.0]
    states: tuple[State, State] = ({}, {})

    for step, pair in enumerate(gradients()):
        gradient[:] = pair
        made.step(step, gradient)
        assert gradient.tolist() == list(pair)
        expected = [
            FORMULAS[spec.type](spec, p, g, step + 1, state)
            for p, g, state in zip(expected, pair, states, strict=True)
        ]

    assert parameters.flat.tolist() == pytest.approx(expected, rel=1e-12)


class Big(Parameters):
    """Parameters of more than one block."""

    def __init__(self, size: int) -> None:
        self.dtype = np.dtype("float32")
        self.flat = np.linspace(-1, 1, size, dtype=self.dtype)


@pytest.mark.parametrize("spec", ELEMENTWISE)
def test_blocks_alter_no_bits(spec: OptimizerSpec) -> None:
    """Elements at both sides of a block's edge move as the same elements in a vector of their own do."""
    edge = slice(BLOCK - SHORT, 2 * BLOCK + 5)
    big, small = Big(2 * BLOCK + 5), Big(BLOCK + SHORT + 5)
    small.flat[:] = big.flat[edge]
    gradient = np.linspace(2, -2, 2 * BLOCK + 5, dtype=np.float32)
    own = gradient[edge].copy()
    made = spec.build(big.flat), spec.build(small.flat)

    for step in range(3):
        for each, slopes in zip(made, (gradient, own), strict=True):
            each.step(step, slopes)

    assert big.flat[edge].tobytes() == small.flat.tobytes()


@pytest.mark.parametrize("spec", ALL)
def test_state_restored_in_place_goes_on_to_the_same_bits(spec: OptimizerSpec) -> None:
    given = list(gradients())
    gradient = np.zeros(2)
    graph = formula("a*x + b", {"a": 0.5, "b": -2.0})
    runs = [Parameters(graph, np.dtype("float64")) for _ in range(2)]
    first, second = (spec.build(parameters.flat) for parameters in runs)
    runs[0].initialize(0)
    for step in range(6):
        gradient[:] = given[step]
        first.step(step, gradient)
    runs[1].flat[:] = runs[0].flat
    for name, array in second.state.items():
        array[:] = first.state[name]

    for step in range(6, STEPS):
        gradient[:] = given[step]
        for each in (first, second):
            each.step(step, gradient)

    assert runs[0].flat.tobytes() == runs[1].flat.tobytes()


@pytest.mark.parametrize("spec", ALL)
def test_a_learning_rate_that_is_set_is_as_one_that_is_written(spec: OptimizerSpec) -> None:
    gradient = np.zeros(2)
    graph = formula("a*x + b", {"a": 0.5, "b": -2.0})
    runs = [Parameters(graph, np.dtype("float64")) for _ in range(2)]
    written = spec.model_copy(update={"learning_rate": 0.03}).build(runs[0].flat)
    changed = spec.build(runs[1].flat)
    changed.set_learning_rate(0.03)

    for step, pair in enumerate(gradients()):
        gradient[:] = pair
        written.step(step, gradient)
        changed.step(step, gradient)

    assert runs[0].flat.tobytes() == runs[1].flat.tobytes()
    assert runs[0].flat.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_signs_are_numpys(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0, -0.0, 1, -1, 1e30, -1e30, 1e-30, -1e-30, tiny, -tiny, np.inf, -np.inf, np.nan], dtype)
    out = np.empty_like(x)

    for call in Limits(1.0, x.size, x.dtype).sign(x, out):
        call()

    np.testing.assert_array_equal(out, np.sign(x))


CURVES = np.array([4.0, 1.0, 0.25, 9.0])


def lbfgs_steps(spec: OptimizerSpec, steps: int) -> np.ndarray:
    """The way down Σ curve p² / 2 + p⁴ / 4 from 1, 2, 3, 4."""
    parameters = Big(4)
    parameters.flat = np.array([1.0, 2.0, 3.0, 4.0])
    gradient = np.zeros(4)
    made = spec.build(parameters.flat)
    for step in range(steps):
        gradient[:] = CURVES * parameters.flat + parameters.flat**3
        made.step(step, gradient)
    return parameters.flat


def test_lbfgs_is_bfgs_from_the_last_pairs() -> None:
    """The two loops against the matrix that they stand for, built anew from the last pairs."""
    p = np.array([1.0, 2.0, 3.0, 4.0])
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    before: tuple[np.ndarray, np.ndarray] | None = None
    for step in range(9):
        g = CURVES * p + p**3
        if before is not None:
            pairs = [*pairs, (p - before[0], g - before[1])][-3:]
        inverse = np.eye(4)
        if pairs:
            s, y = pairs[-1]
            inverse *= (s @ y) / (y @ y)
        for s, y in pairs:
            turn = np.eye(4) - np.outer(s, y) / (s @ y)
            inverse = turn @ inverse @ turn.T + np.outer(s, s) / (s @ y)
        before = p, g
        p = p - 0.5 * (min(1.0, 1.0 / np.abs(g).sum()) if step == 0 else 1.0) * inverse @ g

    ours = lbfgs_steps(optimizer("lbfgs", learning_rate=0.5, history_size=3), 9)

    np.testing.assert_allclose(ours, p, rtol=1e-9)


def test_lbfgs_rests_where_the_slope_is_flat() -> None:
    spec = optimizer("lbfgs", tolerance_grad=1e-5, tolerance_change=0)
    assert isinstance(spec, Lbfgs)

    reached = lbfgs_steps(spec, 200)

    assert 0 < np.abs(CURVES * reached).max() <= 1e-5
    assert lbfgs_steps(spec, 250).tobytes() == reached.tobytes()
