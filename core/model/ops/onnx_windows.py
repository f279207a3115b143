"""Windows over signals and images in ONNX, gathered where onnxruntime has no op for them in float64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.ops.onnx_graph import OnnxGraph


@dataclass(frozen=True, kw_only=True)
class OnnxWindows:
    """Where the windows of a node lie; one number for each axis of the places."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    places: tuple[int, ...]

    @staticmethod
    def of(node: Node) -> "OnnxWindows":
        """Those of a convolution or a pool."""
        kernel = node.sizes("kernel_size")
        return OnnxWindows(
            kernel=kernel,
            stride=node.sizes("stride"),
            padding=node.sizes("padding"),
            dilation=node.sizes("dilation") if "dilation" in node.attributes else (1,) * len(kernel),
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

    def gathered(self, out: OnnxGraph, x: str) -> str:
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
