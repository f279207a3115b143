"""Pooling by the mean of each window."""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.images import Windows, frame_for, framed, planes, unframe
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.onnx_windows import OnnxWindows
from lockstep.core.model.ops.op import Op


class AvgPool(Op):
    """y is the mean of each window, the zeros of the padding included.

    Attributes: kernel_size, stride, padding (tuples).
    """

    formula = Notation(
        "{y} = the mean of {x} over each window", ("∂{y}/∂{x} = 1 / the window's size, inside it",)
    )
    rows_innermost = True

    def forward(self, site: Site) -> None:
        """The sum of the window's lines, of these the sum over the columns, divided."""
        windows = Windows.of(site)
        frame = framed(site, site.x[0], windows, 0.0)
        y, lines = planes(site.y), windows.lines(frame)
        sums = self._line_sums(site, windows, frame)
        _sum(site, lines, sums)
        _sum(site, windows.columns(sums), y)
        site.call(np.multiply, y, site.number(1.0 / math.prod(windows.kernel)), y)

    def gradient(self, site: Site) -> None:
        """∂y, divided, is spread over the window's columns, then over its lines."""
        windows, target = Windows.of(site), site.gx(0)
        frame = frame_for(site, target, windows)
        sums, share = self._line_sums(site, windows, frame), _full(site, planes(site.y), 0.0)
        site.call(np.multiply, planes(site.gy), site.number(1.0 / math.prod(windows.kernel)), share)
        for array, parts, term in (
            (sums, windows.columns(sums), share),
            (frame, windows.lines(frame), sums),
        ):
            site.call(array.fill, 0.0)
            for part in parts:
                site.call(np.add, part, term, part)
        unframe(site, frame, target, windows)

    def _line_sums(self, site: Site, windows: Windows, frame: np.ndarray) -> np.ndarray:
        """Room for (channels, places h, padded width, rows)."""
        return aligned((frame.shape[0], windows.places[0], *frame.shape[2:]), site.dtype)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """In float64 by the gathered windows: onnxruntime has no such pool."""
        windows = OnnxWindows.of(node)
        if out.dtype == np.float32:
            described = {**windows.described, "count_include_pad": 1}
            return out.emit("AveragePool", *inputs, **described, name=node.name)
        means = out.emit("ReduceMean", windows.gathered(out, inputs[0]), out.whole(-1), keepdims=0)
        return out.emit("Reshape", means, out.whole(0, *node.shape), name=node.name)


def _sum(site: Site, terms: list[np.ndarray], out: np.ndarray) -> None:
    if len(terms) == 1:
        site.call(np.copyto, out, terms[0])
        return
    so_far = terms[0]
    for term in terms[1:]:
        site.call(np.add, so_far, term, out)
        so_far = out


def _full(site: Site, like: np.ndarray, value: float) -> np.ndarray:
    """A C-contiguous array of planes filled with `value`."""
    array = aligned(like.shape, site.dtype)
    array.fill(value)
    return array


class AvgPool1d(AvgPool):
    """Over signals (rows, channels, length)."""

    name = "avg_pool1d"


class AvgPool2d(AvgPool):
    """Over images (rows, channels, height, width)."""

    name = "avg_pool2d"
