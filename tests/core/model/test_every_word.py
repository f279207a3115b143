"""Every op and every layer has a case; its gradient is that of its value, and a wrong one is noticed."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import lockstep.core.engine.fast.chain
import lockstep.core.engine.program
from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.model.graph import Graph, GraphBuilder, Node
from lockstep.core.model.layers import COMPOSITE_NEEDS, LAYERS, SINGLE_NEEDS
from lockstep.core.model.layers.base import Branch, CompositeLayer, LayerSpec, SingleLayer
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops import NEEDS, OPS
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import as_onnx
from lockstep.core.model.ops.op import Op
from tests.core.model.cases import CASES, FORMULAS, graphs
from tests.gradcheck import TOLERANCE, Model, faulty, loss

COMPUTED = [name for name, op in OPS.items() if op.kind == "op"]
ADD_ONE = "add one to tests/core/model/cases.py"
every_case = cache(graphs)


def learns_through(graph: Graph, op: str) -> bool:
    """Whether a gradient passes through an op of that name."""
    above = graph.above_parameters()
    return any(node.op == op and set(node.inputs) & above for node in graph.nodes)


@pytest.mark.parametrize("op", COMPUTED)
def test_the_gradient_of_every_op_is_that_of_its_value(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against central differences; with a planted fault in this op the same check fails."""
    monkeypatch.setattr(lockstep.core.engine.fast.chain, "MAX_ELEMENTS", 0)  # which has a test of its own
    graph = next((graph for graph in every_case().values() if learns_through(graph, op)), None)
    assert graph is not None, f'no case learns through the op "{op}": {ADD_ONE}'
    right = Model(graph, loss("mse")).worst_error()

    monkeypatch.setattr(lockstep.core.engine.program, "OPS", {**OPS, op: faulty(OPS[op])})

    assert right < TOLERANCE
    assert Model(graph, loss("mse")).worst_error() > 10 * TOLERANCE


@pytest.mark.parametrize("case", [*CASES, *FORMULAS.values()])
def test_the_gradient_of_every_case_is_that_of_its_value(case: str) -> None:
    assert Model(every_case()[case], loss("mse")).worst_error() < TOLERANCE


def types_in(value: Any) -> Iterator[str]:
    """The types of all layers in a list of them."""
    if isinstance(value, list):
        for item in value:
            yield from types_in(item)
    elif isinstance(value, dict):
        yield value["type"]
        for inner in value.values():
            yield from types_in(inner)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_a_case(layer: str) -> None:
    assert layer in set(types_in(list(CASES.values()))), f'no case has the layer "{layer}": {ADD_ONE}'


class Odd(Op):
    """What an op brings, all of it."""

    name = "odd"
    formula = Notation("{y} = {x}", ("1",))
    onnx = as_onnx("Identity")

    def forward(self, site: Site) -> None: ...

    def gradient(self, site: Site) -> None: ...


@pytest.mark.parametrize("missing", NEEDS)
def test_an_op_that_lacks_a_part_is_refused_by_name(missing: str) -> None:
    given = getattr(Op, missing, None)
    word = type("Odd", (Odd,), {missing: given})

    with pytest.raises(IncompleteWord, match=f'the op "odd" is incomplete: give it `{missing}`'):
        Vocabulary("op", NEEDS, [("odd", word)])
    assert Vocabulary("op", NEEDS, [("odd", Odd)])


class WithoutNodes(SingleLayer):
    """A layer that adds nothing."""


class WithoutWords(SingleLayer):
    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:  # noqa: ARG002 - never called
        return x


class WithoutEnd(CompositeLayer):
    """Layers that nothing brings together."""

    inside = "layers"

    def branches_of(self) -> tuple[Branch, ...]:
        return ()


@pytest.mark.parametrize(
    ("word", "needs", "missing"),
    [
        (WithoutNodes, SINGLE_NEEDS, "append"),
        (WithoutWords, SINGLE_NEEDS, "__doc__"),
        (WithoutEnd, COMPOSITE_NEEDS, "join"),
    ],
)
def test_a_layer_that_lacks_a_part_is_refused_by_name(
    word: type[LayerSpec], needs: dict[str, str], missing: str
) -> None:
    with pytest.raises(IncompleteWord, match=f'the layer "odd" is incomplete: give it `{missing}`'):
        Vocabulary("layer", needs, [("odd", word)])
