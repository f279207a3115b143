"""Pooling over signals (channels, length) and images (channels, height, width)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from lockstep.core.ground.sizes import Pair, Single, ZeroPair, ZeroSingle
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import Misfit, SingleLayer
from lockstep.core.model.layers.windows import Sizes, as_written, places_of, require_planes, sizes_of


class _Pool(SingleLayer):
    axes: ClassVar[int]
    if TYPE_CHECKING:  # fields of the pools of one axis and of two
        kernel_size: int | Sizes
        stride: int | Sizes | None
        padding: int | Sizes

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """(channels, *places) -> (channels, *fewer places)."""
        require_planes(x, self.axes)
        kernel, padding = sizes_of(self.kernel_size), sizes_of(self.padding)
        stride = kernel if self.stride is None else sizes_of(self.stride)
        shape = (x.shape[0], *places_of(x, kernel, stride, padding))
        if any(2 * edge > size for edge, size in zip(padding, kernel, strict=True)):
            most = tuple(size // 2 for size in kernel)
            raise Misfit(
                "padding",
                "padding_too_large",
                f"expected at most half of kernel_size, {as_written(most)}, got {as_written(padding)}; "
                "a window beyond that would see padding alone",
                shape,
            )
        attributes = {"kernel_size": kernel, "stride": stride, "padding": padding}
        return builder.add(self.type, [x], shape=shape, name=name, attributes=attributes)


class _Pool1d(_Pool):
    axes = 1
    kernel_size: Single
    """the window's length"""
    stride: Single | None = None
    """how far apart the windows begin; kernel_size if not given"""
    padding: ZeroSingle = 0
    """by how much the windows reach over both ends; at most half of kernel_size"""


class _Pool2d(_Pool):
    axes = 2
    kernel_size: Pair
    """the window's height and width"""
    stride: Pair | None = None
    """how far apart the windows begin; kernel_size if not given"""
    padding: ZeroPair = (0, 0)
    """by how much the windows reach over each side; at most half of kernel_size"""


class MaxPool1d(_Pool1d):
    """The largest of each window, as torch.nn.MaxPool1d."""

    type: Literal["max_pool1d"]


class MaxPool2d(_Pool2d):
    """The largest of each window, as torch.nn.MaxPool2d."""

    type: Literal["max_pool2d"]


class AvgPool1d(_Pool1d):
    """The mean of each window, zeros of the padding included, as torch.nn.AvgPool1d."""

    type: Literal["avg_pool1d"]


class AvgPool2d(_Pool2d):
    """The mean of each window, zeros of the padding included, as torch.nn.AvgPool2d."""

    type: Literal["avg_pool2d"]


class _AdaptivePool(SingleLayer):
    if TYPE_CHECKING:  # a field of the pools of one axis and of two
        output_size: int | Sizes

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """(channels, *places) -> (channels, *output_size)."""
        size = sizes_of(self.output_size)
        require_planes(x, len(size))
        return builder.add(
            self.type, [x], shape=(x.shape[0], *size), name=name, attributes={"output_size": size}
        )


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means over output_size parts of the length, as torch.nn.AdaptiveAvgPool1d."""

    type: Literal["adaptive_avg_pool1d"]
    output_size: Single
    """how many numbers are left of the length"""


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means over parts of the image, as torch.nn.AdaptiveAvgPool2d."""

    type: Literal["adaptive_avg_pool2d"]
    output_size: Pair
    """height and width that are left"""
