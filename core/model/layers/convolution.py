"""Convolution over signals (channels, length) and images (channels, height, width)."""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from lockstep.core.ground.fields import Switch, Whole
from lockstep.core.ground.sizes import Pair, Single, Width, ZeroPair, ZeroSingle
from lockstep.core.model.graph import Attribute, GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import Misfit, SingleLayer, require_width
from lockstep.core.model.layers.windows import Sizes, places_of, require_planes, sizes_of


class _Convolution(SingleLayer):
    axes: ClassVar[int]
    if TYPE_CHECKING:  # fields of the layers of one axis and of two
        kernel_size: int | Sizes
        stride: int | Sizes
        padding: int | Sizes
        dilation: int | Sizes
    inputs: Annotated[Width, Field(alias="in")]
    """how many channels come in"""
    outputs: Annotated[Width, Field(alias="out")]
    """how many channels go out"""
    groups: Annotated[int, Whole(ge=1)] = 1
    """into how many groups the channels are parted; both in and out are multiples of it"""
    bias: Switch = True
    """whether a learned number is added to each channel"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """(in, *places) -> (out, *places). The weight is (out, in / groups, *kernel_size)."""
        require_planes(x, self.axes)
        kernel, stride, padding, dilation = (
            sizes_of(each) for each in (self.kernel_size, self.stride, self.padding, self.dilation)
        )
        reach = tuple(step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True))
        shape = (self.outputs, *places_of(x, reach, stride, padding))
        require_width(x, 0, "in", self.inputs, shape)
        self._require_groups(shape)
        size = (self.outputs, self.inputs // self.groups, *kernel)
        shapes = {"weight": size} | ({"bias": (self.outputs,)} if self.bias else {})
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
            "groups": self.groups,
        }
        return builder.add(self.type, [x, *parameters], shape=shape, name=name, attributes=attributes)

    def _require_groups(self, shape: Sizes) -> None:
        common = math.gcd(self.inputs, self.outputs)
        if common % self.groups:
            divisors = ", ".join(str(i) for i in range(1, common + 1) if common % i == 0)
            raise Misfit(
                "groups",
                "groups_mismatch",
                f'expected a divisor of both "in" ({self.inputs}) and "out" ({self.outputs}), got '
                f"{self.groups}; take one of {divisors}",
                shape,
            )


class Conv1d(_Convolution):
    """Cross-correlation along the length, as torch.nn.Conv1d; `weight` is (out, in / groups, kernel)."""

    type: Literal["conv1d"]
    axes = 1
    kernel_size: Single
    """the length of the kernel"""
    stride: Single = 1
    """how far apart the places are where the kernel is laid"""
    padding: ZeroSingle = 0
    """how many zeros are added at both ends"""
    dilation: Single = 1
    """how far apart the kernel's numbers lie"""


class Conv2d(_Convolution):
    """Cross-correlation over height and width, as torch.nn.Conv2d; `weight` is (out, in / groups, kh, kw)."""

    type: Literal["conv2d"]
    axes = 2
    kernel_size: Pair
    """height and width of the kernel"""
    stride: Pair = (1, 1)
    """how far apart the places are where the kernel is laid"""
    padding: ZeroPair = (0, 0)
    """how many zeros are added at each side"""
    dilation: Pair = (1, 1)
    """how far apart the kernel's numbers lie"""
