"""From a spec's model to a Graph."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from numpy.typing import ArrayLike

from lockstep.core.ground.errors import InvalidData, Problem
from lockstep.core.model.expression import expression_graph
from lockstep.core.model.graph import Graph, GraphBuilder, Node
from lockstep.core.model.initializers import InitializerSpec, chosen_for
from lockstep.core.model.layers import Layer
from lockstep.core.model.layers.base import Misfit, SingleLayer
from lockstep.core.model.spec import ExpressionModel, LayersModel


def build_graph(model: ExpressionModel | LayersModel, columns: int) -> Graph:
    """The graph of a model on data of this many columns. Raises InvalidData where they do not fit."""
    if isinstance(model, ExpressionModel):
        return expression_graph(model, columns)
    graph, problems = assemble(model, columns)
    if graph is None or problems:
        raise InvalidData("; ".join(f"{problem.pointer}: {problem.message}" for problem in problems))
    return graph


def assemble(model: LayersModel, columns: int) -> tuple[Graph | None, tuple[Problem, ...]]:
    """The graph of layers and all that does not fit; None where it can't be told what the model gives."""
    assembly = _Assembly(builder=GraphBuilder(columns))
    x = assembly.builder.data()
    graph = None
    with contextlib.suppress(_Unclear):
        graph = assembly.builder.finish(assembly.append_all(x, model.layers, "/model/layers", ""))
        graph = _started(graph, model.init or {})
        if not graph.parameters and not assembly.problems:
            message = "expected a layer with weights, got none that learns; add a linear layer"
            problem = Problem(pointer="/model/layers", code="nothing_to_learn", message=message)
            return graph, (problem,)
    return graph, tuple(assembly.problems)


def _started(graph: Graph, init: Mapping[str, InitializerSpec]) -> Graph:
    """The graph with the initializers of `model.init`."""
    parameters = []
    for parameter in graph.parameters:
        chosen = chosen_for(init, parameter.name, parameter.shape)
        parameters.append(replace(parameter, initializer=chosen[1]) if chosen else parameter)
    return replace(graph, parameters=tuple(parameters))


def initial_weights(model: ExpressionModel | LayersModel) -> Mapping[str, ArrayLike] | None:
    """Where the spec says that layers' parameters start; an expression's graph knows its start itself."""
    return model.initial_weights if isinstance(model, LayersModel) else None


@dataclass(frozen=True, kw_only=True)
class _Assembly:
    """A graph in the making, and what did not fit so far."""

    builder: GraphBuilder
    problems: list[Problem] = field(default_factory=list)

    def append_all(self, x: Node, layers: Sequence[Layer], pointer: str, prefix: str) -> Node:
        """Apply layers one after another. `pointer` leads to their list, `prefix` begins their names."""
        for index, layer in enumerate(layers):
            x = self._append(x, layer, f"{pointer}/{index}", f"{prefix}{index}")
        return x

    def _append(self, x: Node, layer: Layer, pointer: str, name: str) -> Node:
        try:
            if isinstance(layer, SingleLayer):
                return layer.append(self.builder, x, name)
            outputs = [
                self.append_all(x, branch.layers, f"{pointer}{branch.pointer}", f"{name}.{branch.prefix}")
                for branch in layer.branches_of()
            ]
            return layer.join(self.builder, x, outputs, name)
        except Misfit as misfit:
            return self._note(misfit, x, pointer, name)

    def _note(self, misfit: Misfit, x: Node, pointer: str, name: str) -> Node:
        """Keep the problem; go on as if the layer fitted, where it is known what it then gives."""
        at = f"{pointer}/{misfit.key}" if misfit.key else pointer
        self.problems.append(Problem(pointer=at, code=misfit.code, message=misfit.message))
        if misfit.shape is None:
            raise _Unclear from misfit
        return self.builder.add("identity", [x], shape=misfit.shape, name=name)


class _Unclear(Exception):
    """What a layer gives can't be told, so those after it can't be looked at."""
