"""From a spec's model to a Graph."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from numpy.typing import ArrayLike

from lockstep.core.ground.errors import InvalidData, Problem
from lockstep.core.model.expression import expression_graph
from lockstep.core.model.graph import Graph, GraphBuilder
from lockstep.core.model.initializers import chosen_for
from lockstep.core.model.layers.composite import Assembly, Unclear
from lockstep.core.model.spec import ExpressionModel, LayersModel
from lockstep.core.model.spec.initializers import AnyStart


def build_graph(model: ExpressionModel | LayersModel, columns: int) -> Graph:
    """The graph of a model on data of so many columns. Raises InvalidData where they do not fit."""
    if isinstance(model, ExpressionModel):
        return expression_graph(model, columns)
    graph, problems = assemble(model, columns)
    if graph is None or problems:
        raise InvalidData("; ".join(f"{problem.pointer}: {problem.message}" for problem in problems))
    return graph


def assemble(model: LayersModel, columns: int) -> tuple[Graph | None, tuple[Problem, ...]]:
    """The graph of layers and all that does not fit; None where it can't be told what the model gives."""
    assembly = Assembly(builder=GraphBuilder(columns))
    x = assembly.builder.data()
    graph = None
    with contextlib.suppress(Unclear):
        graph = assembly.builder.finish(assembly.append_all(x, model.layers, "/model/layers", ""))
        graph = _started(graph, model.init or {})
        if not graph.parameters and not assembly.problems:
            message = "expected a layer with weights, got none that learns; add a linear layer"
            problem = Problem(pointer="/model/layers", code="nothing_to_learn", message=message)
            return graph, (problem,)
    return graph, tuple(assembly.problems)


def _started(graph: Graph, init: Mapping[str, AnyStart]) -> Graph:
    """The graph with the initializers of `model.init`."""
    parameters = []
    for parameter in graph.parameters:
        chosen = chosen_for(init, parameter.name, parameter.shape)
        parameters.append(replace(parameter, initializer=chosen[1]) if chosen else parameter)
    return replace(graph, parameters=tuple(parameters))


def initial_weights(model: ExpressionModel | LayersModel) -> Mapping[str, ArrayLike] | None:
    """Where the spec says that layers' parameters start; an expression's graph knows its start itself."""
    return model.initial_weights if isinstance(model, LayersModel) else None
