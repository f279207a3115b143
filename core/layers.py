"""From a spec's model to a Graph."""

from collections.abc import Mapping

from numpy.typing import ArrayLike

from core.errors import InvalidData
from core.expression import expression_graph
from core.graph import Graph, GraphBuilder, Node, Parameter
from core.initializers import Uniform, linear_bound
from core.spec import TrainSpec
from core.spec.layers import ExpressionModel, LayersModel, Linear, SingleLayer, walk_layers


def build_graph(spec: TrainSpec, columns: int) -> Graph:
    """The graph of a job's model on data of so many columns. Raises InvalidData where they do not fit."""
    if isinstance(spec.model, ExpressionModel):
        return expression_graph(spec.model, columns)
    return _layers_graph(spec.model, columns)


def initial_weights(spec: TrainSpec) -> Mapping[str, ArrayLike] | None:
    """Where the spec says that layers' parameters start; an expression's graph knows its start itself."""
    return spec.model.initial_weights if isinstance(spec.model, LayersModel) else None


def _layers_graph(model: LayersModel, columns: int) -> Graph:
    """One node for each layer, in their order."""
    builder = GraphBuilder(columns)
    node = builder.add("input", shape=(columns,), name="x")
    for _, name, layer in walk_layers(model):
        node = _append(builder, node, name, layer)
    graph = builder.finish(node)
    if not graph.parameters:
        raise InvalidData("expected a model that learns something, got no parameters: add a linear layer")
    return graph


def _append(builder: GraphBuilder, x: Node, name: str, layer: SingleLayer) -> Node:
    """Add the node of one layer, and its parameters."""
    if isinstance(layer, Linear):
        return _append_linear(builder, x, name, layer)
    return builder.add(
        layer.type, [x], shape=x.shape, name=name, attributes=layer.model_dump(exclude={"type"})
    )


def _append_linear(builder: GraphBuilder, x: Node, name: str, layer: Linear) -> Node:
    """Weights are stored (in, out): the forward product then needs no transposed copy for each shard."""
    if x.shape != (layer.inputs,):
        raise InvalidData(f"layer {name} takes {layer.inputs} numbers, got {x.shape[0]}: make them equal")
    initializer = Uniform(bound=linear_bound(layer.inputs))
    shapes = {"weight": (layer.outputs, layer.inputs)} | ({"bias": (layer.outputs,)} if layer.bias else {})
    parameters = [
        builder.parameter(
            Parameter(
                name=f"{name}.{part}", shape=shape, transposed=part == "weight", initializer=initializer
            )
        )
        for part, shape in shapes.items()
    ]
    return builder.add("linear", [x, *parameters], shape=(layer.outputs,), name=name)
