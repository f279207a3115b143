"""Pooling to a number of means that is given."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.images import planes, readable
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class AdaptiveAvgPool(Op):
    """y[i, j] is the mean of the lines ⌊i H / h⌋ to ⌈(i + 1) H / h⌉ and columns likewise, of an image H x W.

    The shape of the node says how many means there are.
    """

    formula = Notation(
        "{y} = the mean of {x} over each window", ("∂{y}/∂{x} = 1 / the window's size, inside it",)
    )
    rows_innermost = True

    def forward(self, site: Site) -> None:
        """Down y = A x with the matrix A (h, H) of the means, then along the lines."""
        x, y = readable(site, site.x[0]), planes(site.y)
        (channels, height, width, rows), (_, lines, columns, _) = x.shape, y.shape
        means = aligned((channels, lines, width, rows), site.dtype)
        down, along = _means(lines, height, site.dtype), _means(columns, width, site.dtype)
        flat = (channels, -1, width * rows)
        site.call(np.matmul, down, x.reshape(flat), means.reshape(flat))
        site.call(np.matmul, along, means, y)
        site.kept |= {"down": down, "along": along, "means": means}

    def gradient(self, site: Site) -> None:
        """∂x = Aᵀ ∂y, both ways."""
        gy, means, target = readable(site, site.gy), np.empty_like(site.kept["means"]), site.gx(0)
        gx = planes(target)
        into = gx if gx.flags.c_contiguous else aligned(gx.shape, site.dtype)
        flat = (gx.shape[0], -1, gx.shape[2] * gx.shape[3])
        site.call(np.matmul, site.kept["along"].T, gy, means)
        site.call(np.matmul, site.kept["down"].T, means.reshape(flat), into.reshape(flat))
        if into is not gx:
            site.call(np.copyto, gx, into)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Along each axis a product with the shares that the numbers have in the means."""
        lengths = out.shapes[inputs[0]][1:]
        columns = _means(node.shape[-1], lengths[-1], out.dtype)
        y = out.emit("MatMul", inputs[0], out.constant(columns.T.copy()))
        if len(lengths) == 1:
            return y
        lines = _means(node.shape[1], lengths[0], out.dtype)
        return out.emit("MatMul", out.constant(lines), y, name=node.name)


def _means(parts: int, length: int, dtype: np.dtype) -> np.ndarray:
    """The matrix (parts, length) that takes the mean of each part."""
    matrix = np.zeros((parts, length), dtype)
    for part in range(parts):
        low, high = part * length // parts, -(-(part + 1) * length // parts)
        matrix[part, low:high] = 1.0 / (high - low)
    return matrix


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Over signals (rows, channels, length)."""

    name = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Over images (rows, channels, height, width)."""

    name = "adaptive_avg_pool2d"
