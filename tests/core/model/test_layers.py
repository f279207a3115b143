"""From layers to a graph."""

import pytest

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.build import assemble
from lockstep.core.model.spec import LayersModel
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
    with pytest.raises(InvalidData, match='because the data has 5 columns, got 4; set "in" to 5'):
        network([{"type": "linear", "in": 4, "out": 3}], 5)


def test_a_model_that_learns_nothing_is_refused() -> None:
    with pytest.raises(InvalidData, match="got none that learns; add a linear layer"):
        network([{"type": "relu"}], 5)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    layers = [
        {"type": "linear", "in": 4, "out": 3},
        {"type": "residual", "layers": [{"type": "linear", "in": 3, "out": 2}]},
        {"type": "linear", "in": 2, "out": 1},
    ]

    model = LayersModel.model_validate({"layers": layers})
    graph, problems = assemble(model, 5)

    assert graph is not None
    assert [(problem.pointer, problem.code) for problem in problems] == [
        ("/model/layers/0/in", "width_mismatch"),
        ("/model/layers/1/layers", "shape_mismatch"),
        ("/model/layers/2/in", "width_mismatch"),
    ]


def test_branches_of_other_lengths_can_not_be_joined() -> None:
    branches = [[{"type": "unflatten", "shape": [2, 2]}], []]

    model = LayersModel.model_validate({"layers": [{"type": "concat", "branches": branches}]})
    graph, (problem,) = assemble(model, 4)

    assert graph is None  # what would come after it can't be told
    assert (problem.pointer, problem.code) == ("/model/layers/0/branches", "shape_mismatch")
    assert "got [2, 2], [4]" in problem.message
