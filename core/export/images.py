"""Convolution and pooling.

onnxruntime has no convolution and no mean pooling in float64. There the windows' numbers are gathered, and
what is left are products and means.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np

from lockstep.core.export.emitter import Emitter, Writers
from lockstep.core.model.graph import Node


@dataclass(frozen=True, kw_only=True)
class _Windows:
    """Where the windows of a node lie; one number for each axis of the places."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    places: tuple[int, ...]

    @staticmethod
    def of(node: Node) -> "_Windows":
        """Those of a convolution or a pool."""
        kernel = _sizes(node, "kernel_size")
        return _Windows(
            kernel=kernel,
            stride=_sizes(node, "stride"),
            padding=_sizes(node, "padding"),
            dilation=_sizes(node, "dilation") if "dilation" in node.attributes else (1,) * len(kernel),
            places=node.shape[1:],
        )

    @property
    def described(self) -> dict[str, list[int]]:
        """As attributes of ONNX."""
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.stride),
            "pads": [*self.padding, *self.padding],
        }

    def gathered(self, out: Emitter, x: str) -> str:
        """The windows of x (rows, channels, *places): (rows, channels, windows, numbers of each)."""
        # What the last window reaches; columns beyond it are never read.
        reach = [
            (count - 1) * step + (size - 1) * gap + 1
            for count, step, size, gap in zip(
                self.places, self.stride, self.kernel, self.dilation, strict=True
            )
        ]
        begin, end = [0, 0, *self.padding], [0, 0, *self.padding]
        padded = out.emit("Pad", x, out.whole(*begin, *end), out.number(0.0))
        axes = range(2, 2 + len(reach))
        cut = out.emit("Slice", padded, out.whole(*(0 for _ in axes)), out.whole(*reach), out.whole(*axes))
        flat = out.emit("Reshape", cut, out.whole(0, 0, -1))
        return out.emit("Gather", flat, out.constant(self._numbers(reach)), axis=2)

    def _numbers(self, reach: Sequence[int]) -> np.ndarray:
        """For each window its numbers' positions in the flat places (windows, numbers of each)."""
        positions = np.arange(math.prod(reach)).reshape(reach)
        corners = product(
            *(range(0, n * step, step) for n, step in zip(self.places, self.stride, strict=True))
        )
        return np.array(
            [
                positions[
                    tuple(
                        slice(at, at + (size - 1) * gap + 1, gap)
                        for at, size, gap in zip(corner, self.kernel, self.dilation, strict=True)
                    )
                ].reshape(-1)
                for corner in corners
            ],
            dtype=np.int64,
        )


def _sizes(node: Node, name: str) -> tuple[int, ...]:
    value = node.attributes[name]
    if isinstance(value, tuple):
        return value
    raise TypeError(f"expected sizes in {name} of node {node.id}, got {value!r}")


def _convolution(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    windows, groups = _Windows.of(node), node.attributes["groups"]
    if out.dtype == np.float32:
        return out.emit(
            "Conv",
            *inputs,
            **windows.described,
            dilations=list(windows.dilation),
            group=groups,
            name=node.name,
        )
    if not isinstance(groups, int):
        raise TypeError(f"expected a whole number of groups in node {node.id}, got {groups!r}")
    return _convolution_by_products(out, node, inputs, groups)


def _convolution_by_products(out: Emitter, node: Node, inputs: Sequence[str], groups: int) -> str:
    """(rows, groups, windows, numbers) times (groups, numbers, channels of each group)."""
    windows, channels = _Windows.of(node), node.shape[0]
    count, size = math.prod(windows.places), math.prod(windows.kernel)
    columns = windows.gathered(out, inputs[0])
    columns = out.emit("Reshape", columns, out.whole(0, groups, -1, count, size))
    columns = out.emit("Transpose", columns, perm=[0, 1, 3, 2, 4])
    columns = out.emit("Reshape", columns, out.whole(0, groups, count, -1))
    kernels = out.emit("Reshape", inputs[1], out.whole(groups, channels // groups, -1))
    kernels = out.emit("Transpose", kernels, perm=[0, 2, 1])
    y = out.emit("Transpose", out.emit("MatMul", columns, kernels), perm=[0, 1, 3, 2])
    y = out.emit("Reshape", y, out.whole(0, *node.shape), name=node.name)
    if len(inputs) < 3:
        return y
    ones = (1,) * len(windows.places)
    return out.emit("Add", y, out.emit("Reshape", inputs[2], out.whole(-1, *ones)), name=node.name)


def _max_pool(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("MaxPool", *inputs, **_Windows.of(node).described, name=node.name)


def _avg_pool(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    windows = _Windows.of(node)
    if out.dtype == np.float32:
        described = windows.described
        return out.emit("AveragePool", *inputs, **described, count_include_pad=1, name=node.name)
    means = out.emit("ReduceMean", windows.gathered(out, inputs[0]), out.whole(-1), keepdims=0)
    return out.emit("Reshape", means, out.whole(0, *node.shape), name=node.name)


def _adaptive_avg_pool(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """Along each axis a product with the shares that the numbers have in the means."""
    lengths = out.shapes[inputs[0]][1:]
    columns = _shares(node.shape[-1], lengths[-1], out.dtype)
    y = out.emit("MatMul", inputs[0], out.constant(columns.T.copy()))
    if len(lengths) == 1:
        return y
    return out.emit("MatMul", out.constant(_shares(node.shape[1], lengths[0], out.dtype)), y, name=node.name)


def _shares(means: int, length: int, dtype: np.dtype) -> np.ndarray:
    """(means, length): mean i is over the numbers ⌊i length / means⌋ to ⌈(i + 1) length / means⌉."""
    shares = np.zeros((means, length), dtype)
    for i in range(means):
        low, high = i * length // means, -(-(i + 1) * length // means)
        shares[i, low:high] = 1.0 / (high - low)
    return shares


WRITERS: Writers = MappingProxyType(
    {
        "conv1d": _convolution,
        "conv2d": _convolution,
        "max_pool1d": _max_pool,
        "max_pool2d": _max_pool,
        "avg_pool1d": _avg_pool,
        "avg_pool2d": _avg_pool,
        "adaptive_avg_pool1d": _adaptive_avg_pool,
        "adaptive_avg_pool2d": _adaptive_avg_pool,
    }
)
