"""Layers of one op that leaves the shape as it is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import Builder, Misfit
from lockstep.core.model.spec import activations


def append_activation(builder: GraphBuilder, x: Node, name: str, layer: Any) -> Node:
    """The op of the layer's name; its settings become the node's attributes."""
    return builder.add(
        layer.type, [x], shape=x.shape, name=name, attributes=layer.model_dump(exclude={"type"})
    )


def append_gelu(builder: GraphBuilder, x: Node, name: str, layer: activations.Gelu) -> Node:
    """Exact, or with the approximation by tanh."""
    op = "gelu" if layer.approximate == "none" else "gelu_tanh"
    return builder.add(op, [x], shape=x.shape, name=name)


def append_hardtanh(builder: GraphBuilder, x: Node, name: str, layer: activations.Hardtanh) -> Node:
    """Its bounds have an order."""
    if layer.min_val >= layer.max_val:
        message = f"expected a number below max_val, {layer.max_val:g}, got {layer.min_val:g}; lower it"
        raise Misfit("min_val", "out_of_range", message, x.shape)
    return append_activation(builder, x, name, layer)


_LAYERS: tuple[type[SpecModel], ...] = (
    activations.Relu,
    activations.LeakyRelu,
    activations.Elu,
    activations.Sigmoid,
    activations.Silu,
    activations.Tanh,
    activations.Softplus,
    activations.Relu6,
    activations.Hardsigmoid,
    activations.Hardswish,
    activations.Softmax,
    activations.LogSoftmax,
)
BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    dict.fromkeys(_LAYERS, append_activation)
    | {activations.Gelu: append_gelu, activations.Hardtanh: append_hardtanh}
)
