"""Convolution and pooling layers."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import Attribute, GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import Builder, Misfit, require_axes, require_width, shown, source
from lockstep.core.model.spec.convolution import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    MaxPool1d,
    MaxPool2d,
)

Sizes = tuple[int, ...]


def append_convolution(builder: GraphBuilder, x: Node, name: str, layer: Conv1d | Conv2d) -> Node:
    """(in, *places) -> (out, *places). The weight is (out, in / groups, *kernel_size)."""
    axes = 1 if isinstance(layer, Conv1d) else 2
    _require_planes(x, axes)
    kernel, stride, padding, dilation = (
        _sizes(each) for each in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    reach = tuple(step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True))
    shape = (layer.outputs, *_places(x, reach, stride, padding))
    require_width(x, 0, "in", layer.inputs, shape)
    _require_groups(layer, shape)
    size = (layer.outputs, layer.inputs // layer.groups, *kernel)
    shapes = {"weight": size} | ({"bias": (layer.outputs,)} if layer.bias else {})
    initializer = Uniform(bound=linear_bound(math.prod(size[1:])))
    parameters = [
        builder.parameter(Parameter(name=f"{name}.{part}", shape=each, initializer=initializer))
        for part, each in shapes.items()
    ]
    attributes: dict[str, Attribute] = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": layer.groups,
    }
    return builder.add(layer.type, [x, *parameters], shape=shape, name=name, attributes=attributes)


def _require_groups(layer: Conv1d | Conv2d, shape: Sizes) -> None:
    common = math.gcd(layer.inputs, layer.outputs)
    if common % layer.groups:
        divisors = ", ".join(str(i) for i in range(1, common + 1) if common % i == 0)
        raise Misfit(
            "groups",
            "groups_mismatch",
            f'expected a divisor of both "in" ({layer.inputs}) and "out" ({layer.outputs}), got '
            f"{layer.groups}; take one of {divisors}",
            shape,
        )


def append_pool(
    builder: GraphBuilder, x: Node, name: str, layer: MaxPool1d | MaxPool2d | AvgPool1d | AvgPool2d
) -> Node:
    """(channels, *places) -> (channels, *fewer places)."""
    _require_planes(x, 1 if isinstance(layer, (MaxPool1d, AvgPool1d)) else 2)
    kernel, padding = _sizes(layer.kernel_size), _sizes(layer.padding)
    stride = kernel if layer.stride is None else _sizes(layer.stride)
    shape = (x.shape[0], *_places(x, kernel, stride, padding))
    if any(2 * edge > size for edge, size in zip(padding, kernel, strict=True)):
        most = tuple(size // 2 for size in kernel)
        raise Misfit(
            "padding",
            "padding_too_large",
            f"expected at most half of kernel_size, {_shown(most)}, got {_shown(padding)}; "
            "a window beyond that would see padding alone",
            shape,
        )
    attributes = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return builder.add(layer.type, [x], shape=shape, name=name, attributes=attributes)


def append_adaptive_pool(
    builder: GraphBuilder, x: Node, name: str, layer: AdaptiveAvgPool1d | AdaptiveAvgPool2d
) -> Node:
    """(channels, *places) -> (channels, *output_size)."""
    size = _sizes(layer.output_size)
    _require_planes(x, len(size))
    return builder.add(
        layer.type, [x], shape=(x.shape[0], *size), name=name, attributes={"output_size": size}
    )


def _require_planes(x: Node, axes: int) -> None:
    """Raise Misfit where the input is not signals (axes 1) or images (axes 2)."""
    what = "images [channels, height, width]" if axes == 2 else "signals [channels, length]"
    require_axes(x, axes + 1, what)


def _sizes(value: int | Sizes) -> Sizes:
    return (value,) if isinstance(value, int) else value


def _shown(sizes: Sizes) -> str:
    """Sizes as users write them: 3 or [3, 5]."""
    return str(sizes[0]) if len(sizes) == 1 else shown(sizes)


def _places(x: Node, reach: Sizes, stride: Sizes, padding: Sizes) -> Sizes:
    """How many windows of `reach` there are along each axis. Raises Misfit where one is too large."""
    padded = tuple(length + 2 * edge for length, edge in zip(x.shape[1:], padding, strict=True))
    if any(size > length for size, length in zip(reach, padded, strict=True)):
        with_padding = f", {_shown(padded)} with the padding" if any(padding) else ""
        raise Misfit(
            "kernel_size",
            "kernel_too_large",
            f"expected a kernel that reaches over at most {_shown(padded)}, because {source(x)}"
            f"{with_padding}, got one over {_shown(reach)}; make it smaller or add padding",
        )
    return tuple(
        (length - size) // step + 1 for length, size, step in zip(padded, reach, stride, strict=True)
    )


BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    {
        Conv1d: append_convolution,
        Conv2d: append_convolution,
        MaxPool1d: append_pool,
        MaxPool2d: append_pool,
        AvgPool1d: append_pool,
        AvgPool2d: append_pool,
        AdaptiveAvgPool1d: append_adaptive_pool,
        AdaptiveAvgPool2d: append_adaptive_pool,
    }
)
