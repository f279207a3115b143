"""Layers that shift and scale by a mean and a variance."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import Buffer, GraphBuilder, Moments, Node, Parameter
from lockstep.core.model.initializers import Constant
from lockstep.core.model.layers.base import Builder, Misfit, require_axes, require_width, shown, source
from lockstep.core.model.spec.normalization import BatchNorm1d, BatchNorm2d, LayerNorm


def append_batch_norm(builder: GraphBuilder, x: Node, name: str, layer: BatchNorm1d | BatchNorm2d) -> Node:
    """The shape stays. Its buffers are running_mean, running_var and num_batches_tracked."""
    if isinstance(layer, BatchNorm2d):
        require_axes(x, 3, "images [channels, height, width]")
    elif len(x.shape) > 2:
        message = f"expected features [features] or signals [channels, length], but {source(x)}; "
        raise Misfit("", "wrong_axes", message + "take batch_norm_2d for images", x.shape)
    require_width(x, 0, "num_features", layer.num_features, x.shape)
    size = (layer.num_features,)
    buffers = (
        Buffer(name=f"{name}.running_mean", shape=size, start=0.0),
        Buffer(name=f"{name}.running_var", shape=size, start=1.0),
    )
    inputs = [x, *(builder.buffer(buffer) for buffer in buffers)]
    builder.buffer(Buffer(name=f"{name}.num_batches_tracked", shape=(), start=0.0, counts=True))
    if layer.affine:
        inputs += [
            builder.parameter(Parameter(name=f"{name}.{part}", shape=size, initializer=Constant(value=value)))
            for part, value in (("weight", 1.0), ("bias", 0.0))
        ]
    moments = Moments(
        layer=name, channels=layer.num_features, places=math.prod(x.shape[1:]), momentum=layer.momentum
    )
    attributes = {"eps": layer.eps, "momentum": layer.momentum, "moments": builder.moments(moments)}
    return builder.add("batch_norm", inputs, shape=x.shape, name=name, attributes=attributes)


def append_layer_norm(builder: GraphBuilder, x: Node, name: str, layer: LayerNorm) -> Node:
    """x (..., normalized_shape) -> the same shape."""
    axes = len(layer.normalized_shape)
    if x.shape[-axes:] != layer.normalized_shape:
        wanted, came = shown(x.shape[-axes:]), shown(layer.normalized_shape)
        message = f"expected the lengths of the last axes, because {source(x)}, got {came}; take {wanted}"
        raise Misfit("normalized_shape", "shape_mismatch", message, x.shape)
    starts = {"weight": 1.0} | ({"bias": 0.0} if layer.bias else {})
    parameters = [
        builder.parameter(
            Parameter(name=f"{name}.{part}", shape=layer.normalized_shape, initializer=Constant(value=value))
        )
        for part, value in starts.items()
        if layer.elementwise_affine
    ]
    attributes = {"axes": axes, "eps": layer.eps}
    return builder.add("layer_norm", [x, *parameters], shape=x.shape, name=name, attributes=attributes)


BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    {BatchNorm1d: append_batch_norm, BatchNorm2d: append_batch_norm, LayerNorm: append_layer_norm}
)
