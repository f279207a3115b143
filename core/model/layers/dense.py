"""Linear layers, dropout, and layers that only change a shape."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import Builder, Misfit, require_axes, require_width, shown, source
from lockstep.core.model.spec.dense import Dropout, Flatten, Identity, Linear, Unflatten


def append_linear(builder: GraphBuilder, x: Node, name: str, layer: Linear) -> Node:
    """x (..., in) -> (..., out). Weights are stored (in, out): the forward product then needs no transposed

    copy for each shard.
    """
    shape = (*x.shape[:-1], layer.outputs)
    require_width(x, -1, "in", layer.inputs, shape)
    initializer = Uniform(bound=linear_bound(layer.inputs))
    shapes = {"weight": (layer.outputs, layer.inputs)} | ({"bias": (layer.outputs,)} if layer.bias else {})
    parameters = [
        builder.parameter(
            Parameter(name=f"{name}.{part}", shape=size, transposed=part == "weight", initializer=initializer)
        )
        for part, size in shapes.items()
    ]
    return builder.add("linear", [x, *parameters], shape=shape, name=name)


def append_identity(builder: GraphBuilder, x: Node, name: str, layer: Identity) -> Node:  # noqa: ARG001
    """The same value under another name."""
    return builder.add("identity", [x], shape=x.shape, name=name)


def append_flatten(builder: GraphBuilder, x: Node, name: str, layer: Flatten) -> Node:  # noqa: ARG001
    """All numbers of a sample in one row."""
    return builder.add("flatten", [x], shape=(math.prod(x.shape),), name=name)


def append_unflatten(builder: GraphBuilder, x: Node, name: str, layer: Unflatten) -> Node:
    """A row of numbers in the shape that the layer says."""
    require_axes(x, 1, "rows of numbers")
    if math.prod(layer.shape) != x.shape[0]:
        raise Misfit(
            "shape",
            "shape_mismatch",
            f"expected a shape of {x.shape[0]} numbers in all, because {source(x)}, got "
            f"{shown(layer.shape)}, which has {math.prod(layer.shape)}; make its product {x.shape[0]}",
            layer.shape,
        )
    return builder.add("unflatten", [x], shape=layer.shape, name=name)


def append_dropout(builder: GraphBuilder, x: Node, name: str, layer: Dropout) -> Node:
    """The same shape, with numbers left out in training."""
    return builder.add("dropout", [x], shape=x.shape, name=name, attributes={"p": layer.p})


BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    {
        Linear: append_linear,
        Identity: append_identity,
        Flatten: append_flatten,
        Unflatten: append_unflatten,
        Dropout: append_dropout,
    }
)
