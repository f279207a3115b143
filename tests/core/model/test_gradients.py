"""Gradients of formulas, layers in a row and losses against central differences, and a planted fault."""

from typing import Any

import numpy as np
import pytest

import lockstep.core.engine.fast.chain
import lockstep.core.engine.plan
import lockstep.core.engine.program
from lockstep.core.engine.program import Options, Program
from lockstep.core.losses import LOSSES, Loss, LossSite, LossSpec
from tests.gradcheck import TOLERANCE, Model, formula, loss, network

pytestmark = pytest.mark.bits

P = {"a": 0.7, "b": 0.4, "c": 1.3}
FORMULAS = [
    "a*x + b",
    "a - b*x",
    "b*x - a",
    "(a - x)/(b + x)",
    "a/b + x",
    "a/(x*x)",
    "-(a*x)",
    "sin(a*x + b)",
    "cos(a*x + b)",
    "tan(a*x)",
    "tanh(a*x - b)",
    "exp(-a*x)",
    "ln(a*x + b)",
    "log(a + b)*x",
    "sqrt(a*x + b)",
    "abs(a*x - b)",
    "sigmoid(a*x - b)",
    "relu(a*x - b)",
    "softplus(a*x - b)",
    "a*x**2 + b*x + c",
    "(a*x - c)**2",
    "(a*x - c)**3 + (a*x)**4 + (b - x)**5",
    "(a*x)**-1 + (b + x)**-2 + (a*x)**0.5 + x**2.5*a + (a*x)**1 + (a*x)**0",
    "x**a",
    "a**x",
    "a**b*x",
    "(a*x)**(b*x)",
    "2**a*x**b",
    "a*a*x + a**2 + (a*x)*(a*x) + a",
    "(a + x) + (a + x)*b + sin(a + x)",
    "exp(a)*x + ln(a)*2**3 + pi*e*b",
    "a*x + y*sin(b*z) - c",
]
LAYERS: list[dict[str, object]] = [
    {"type": "relu"},
    {"type": "leaky_relu", "negative_slope": 0.2},
    {"type": "elu", "alpha": 1.5},
    {"type": "silu"},
    {"type": "sigmoid"},
    {"type": "tanh"},
    {"type": "softplus", "beta": 2.0, "threshold": 3.0},
    {"type": "identity"},
]


def linear(inputs: int, outputs: int, *, bias: bool = True) -> dict[str, object]:
    return {"type": "linear", "in": inputs, "out": outputs, "bias": bias}


def columns_of(text: str) -> int:
    return 3 if "z" in text else 1


@pytest.fixture(autouse=True)
def _general(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chains have a way of their own: tests/core/engine/fast/test_chain.py."""
    monkeypatch.setattr(lockstep.core.engine.fast.chain, "MAX_ELEMENTS", 0)


@pytest.mark.parametrize("text", FORMULAS)
def test_gradient_of_formulas(text: str) -> None:
    graph = formula(text, {name: value for name, value in P.items() if name in text}, columns_of(text))

    assert Model(graph, loss("mse")).worst_error() < TOLERANCE


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: str(layer["type"]))
@pytest.mark.parametrize("name", ["mse", "cross_entropy"])
def test_gradient_of_layers(layer: dict[str, object], name: str) -> None:
    """In the middle, twice in a row, and last: there the layout is the loss's wish."""
    layers: list[object] = [layer, linear(3, 4), layer, layer, [linear(4, 3, bias=False), [layer]]]

    assert Model(network(layers, 3), loss(name)).worst_error() < TOLERANCE


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("rows", [1, 6])
def test_gradient_of_losses(name: str, rows: int) -> None:
    graph = network([linear(4, 5), {"type": "tanh"}, linear(5, 3)], 4)

    assert Model(graph, loss(name), rows=rows).worst_error() < TOLERANCE


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"cross_entropy"}))
def test_gradient_of_losses_of_one_output(name: str) -> None:
    assert Model(formula("a*x + b", {"a": 0.7, "b": 0.4}), loss(name)).worst_error() < TOLERANCE


def test_gradient_of_a_deep_network() -> None:
    layers: list[object] = [linear(6, 8)]
    for layer in LAYERS:
        layers += [layer, linear(8, 8)]

    assert Model(network(layers, 6), loss("mse"), rows=9).worst_error() < TOLERANCE


def faulty(kind: type[Loss[Any]], spec: LossSpec) -> Loss[Any]:
    """A loss whose gradient is a hundredth too large."""

    class Faulty(kind):  # type: ignore[misc,valid-type]  # a class of the test's choice
        def gradient(self, site: LossSite) -> None:
            super().gradient(site)
            site.call(np.multiply, site.gradient, site.number(1.01), site.gradient)

    return Faulty(spec)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_planted_fault_in_a_loss_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep.core.engine.plan, "loss_of", lambda spec: faulty(LOSSES[name], spec))

    assert Model(network([linear(3, 2)], 3), loss(name)).worst_error() > 10 * TOLERANCE


@pytest.mark.parametrize("text", FORMULAS)
def test_shared_arrays_alter_nothing(text: str) -> None:
    """With every node in an array of its own come the same bits as with arrays shared where they can be."""
    graph = formula(text, {name: value for name, value in P.items() if name in text}, columns_of(text))
    model = Model(graph, loss("mse"))
    x, ones = model.plan.x, np.ones(len(model.plan.x))
    results = []
    for keep_all in (False, True):
        program = Program(graph, len(x), model.parameters, Options(keep_all=keep_all))
        gradient = np.full(graph.size, np.nan)
        calls = program.differentiate(ones.copy(), gradient).calls
        program.x[...] = x
        with np.errstate(all="ignore"):
            for call in (*program.forward, *calls):
                call()
        results.append((program.output.tobytes(), gradient.tobytes()))

    assert results[0] == results[1]


def test_a_parameter_without_use_has_gradient_zero() -> None:
    model = Model(formula("a*x", {"a": 2.0, "unused": 5.0}), loss("mse"))

    assert model.gradient()[1] == 0.0
    assert Model(formula("x", {"unused": 5.0}), loss("mse")).gradient() == [0.0]
