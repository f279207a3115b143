"""From layers to a graph."""

import pytest

from core.errors import InvalidData
from tests.gradcheck import network


def test_nodes_carry_names_and_shapes() -> None:
    layers: list[object] = [
        {"type": "linear", "in": 4, "out": 3},
        [{"type": "relu"}, [{"type": "linear", "in": 3, "out": 2, "bias": False}]],
        {"type": "softplus", "beta": 2.0},
    ]

    graph = network(layers, 4)

    shown = [(node.name, node.op, node.shape) for node in graph.nodes]
    assert shown == [
        ("x", "input", (4,)),
        ("0.weight", "parameter", (4, 3)),
        ("0.bias", "parameter", (3,)),
        ("0", "linear", (3,)),
        ("1.0", "relu", (3,)),
        ("1.1.0.weight", "parameter", (3, 2)),
        ("1.1.0", "linear", (2,)),
        ("2", "softplus", (2,)),
    ]
    assert graph.nodes[-1].attributes == {"beta": 2.0, "threshold": 20.0}
    assert (graph.outputs, graph.size, graph.columns) == (2, 21, 4)
    assert [node.batched for node in graph.nodes] == [True, False, False, True, True, False, True, True]


def test_a_width_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidData, match="layer 0 takes 4 numbers, got 5"):
        network([{"type": "linear", "in": 4, "out": 3}], 5)


def test_a_model_that_learns_nothing_is_refused() -> None:
    with pytest.raises(InvalidData, match="no parameters"):
        network([{"type": "relu"}], 5)
