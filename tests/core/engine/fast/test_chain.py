"""Small layers in a row with folded biases: the same numbers as by the general program, right gradients."""

from typing import Any

import numpy as np
import pytest

import lockstep.core.engine.fast.chain
import lockstep.core.engine.plan
from lockstep.core.engine.fast.chain import MAX_ELEMENTS, Chain, Chains, links_of
from lockstep.core.model.graph import Graph, GraphBuilder, Parameter
from lockstep.core.model.initializers import Constant
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters
from tests.gradcheck import TOLERANCE, Model, faulty, formula, loss, network

pytestmark = pytest.mark.bits

FUNCTIONS = ("identity", "relu", "leaky_relu", "elu", "sigmoid", "silu", "tanh", "softplus")
LOSSES = ("cross_entropy", "mse", "binary_cross_entropy")


def linear(inputs: int, outputs: int, *, bias: bool = True) -> dict[str, Any]:
    return {"type": "linear", "in": inputs, "out": outputs, "bias": bias}


def layers(*functions: str, last: tuple[str, ...] = ()) -> list[object]:
    between = [{"type": name} for name in functions]
    return [linear(3, 4), *between, linear(4, 5), *between, linear(5, 2), *({"type": name} for name in last)]


def model(layers: list[object], name: str, *, folded: bool, monkeypatch: pytest.MonkeyPatch) -> Model:
    with monkeypatch.context() as patch:
        patch.setattr(lockstep.core.engine.fast.chain, "MAX_ELEMENTS", MAX_ELEMENTS if folded else 0)
        return Model(network(layers, 3), loss(name))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("functions", "last"), [*(((f,), ()) for f in FUNCTIONS), (("tanh", "relu"), ("silu", "tanh")), ((), ())]
)
def test_folding_changes_roundings_alone(
    functions: tuple[str, ...], last: tuple[str, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        model(layers(*functions, last=last), name, folded=folded, monkeypatch=monkeypatch)
        for folded in (True, False)
    ]
    for each in both:
        each.parameters.flat[:] = np.random.default_rng(5).normal(size=each.parameters.flat.size)

    first, again, other = both[0].gradient(), both[0].gradient(), both[1].gradient()

    assert first.tobytes() == again.tobytes()  # no run leaves anything behind for the next one
    np.testing.assert_allclose(first, other, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(both[0].value(), both[1].value(), rtol=1e-13)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_agree_with_differences(function: str) -> None:
    assert Model(network(layers(function), 3), loss("cross_entropy")).worst_error() < TOLERANCE


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep.core.engine.fast.chain, "OPS", {**OPS, "tanh": faulty(OPS["tanh"])})

    assert Model(network(layers("tanh"), 3), loss("mse")).worst_error() > 10 * TOLERANCE


def test_what_is_a_chain_follows_from_layers_and_rows() -> None:
    graph = network(layers("relu"), 3)
    parameters = Parameters(graph, np.dtype("float32"))
    most = MAX_ELEMENTS // 6

    assert isinstance(Chains().build(most, parameters, rows_last=True), Chain)
    assert Chains().build(most + 1, parameters, rows_last=True) is None


def by_hand(*order: str, reads_twice: bool = False) -> Graph:
    """One linear node whose parameters lie in this order; perhaps a second node reads the data, too."""
    builder = GraphBuilder(3)
    x = builder.data()
    shapes = {"0.weight": (3, 4), "0.bias": (4,), "between": (2,)}
    nodes = {
        name: builder.parameter(Parameter(name=name, shape=shapes[name], initializer=Constant(value=1.0)))
        for name in order
    }
    y = builder.add("linear", [x, nodes["0.weight"], nodes["0.bias"]], shape=(4,))
    if reads_twice:
        builder.add("tanh", [x], shape=(3,))
    return builder.finish(y)


def only_functions() -> Graph:
    builder = GraphBuilder(3)
    return builder.finish(builder.add("tanh", [builder.data()], shape=(3,)))


def test_a_row_of_linear_nodes_is_a_chain() -> None:
    links = links_of(by_hand("0.weight", "0.bias"))

    assert links is not None
    assert [(link.start, link.stop) for link in links] == [(0, 16)]


@pytest.mark.parametrize(
    "graph",
    [
        network([linear(3, 4), linear(4, 2, bias=False)], 3),
        network([{"type": "tanh"}, linear(3, 2)], 3),
        network([linear(3, 4), {"type": "dropout", "p": 0.5}, linear(4, 2)], 3),
        network([{"type": "residual", "layers": [linear(3, 3)]}, linear(3, 2)], 3),
        formula("a*x + b", {"a": 1.0, "b": 2.0}),
        network([linear(3, 4), {"type": "gelu"}, linear(4, 2)], 3),
        by_hand("0.bias", "0.weight"),
        by_hand("0.weight", "between", "0.bias"),
        by_hand("0.weight", "0.bias", reads_twice=True),
        only_functions(),
    ],
    ids=[
        *("without a bias", "function first", "dropout", "residual", "formula", "another function"),
        *("bias first", "bias apart", "a second reader", "only functions"),
    ],
)
def test_other_graphs_are_none(graph: Any) -> None:
    assert links_of(graph) is None
