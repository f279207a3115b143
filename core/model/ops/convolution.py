"""Convolution as products of matrices: the windows' numbers as columns (im2col), the kernels as rows.

The columns of a few output places at a time are copied together, many rows of the batch in one run, and
multiplied while they are in the cache; backward they are copied anew. The bias is one more number of each
kernel, and the 1 that it goes with one more number of each window, so neither it nor its gradient costs a
pass over the output.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Recorder, Site
from lockstep.core.model.ops.images import Windows, frame_for, framed, planes, readable, unframe
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.onnx_windows import OnnxWindows
from lockstep.core.model.ops.op import Op

BAND_BYTES = 1 << 19
"""The columns copied together, about: half of a core's second cache, so that the product finds them there."""
WIDE = 1024
"""At least this many columns, even if they take more bytes: fewer would not pay for reading the kernels."""
SMALL_PRODUCT = 1_000_000
"""OpenBLAS multiplies matrices of up to this many multiplications without packing them: here up to twice as
fast (its sgemm_small_matrix_permit for x86-64 with AVX-512)."""
NARROW = 128
"""Products of fewer columns than this are not worth their call."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """Output places worked on together: a box in (places h, places w, rows) of contiguous columns."""

    box: tuple[slice, slice, slice]
    columns: int


class _Products:
    """The products of one correlation over each band, all arrays as planes.

    Matrices are (groups, n, columns); of these the kernels are (groups, outputs, inner), inner counting a
    group's channels at each place of the kernel and, with a bias, the 1.
    """

    def __init__(self, recorder: Recorder, windows: Windows, kernels: tuple[int, ...], rows: int) -> None:
        """`kernels` is (groups, outputs of each, channels of each, 1 with a bias or 0)."""
        self.recorder = recorder
        self.windows = windows
        self.groups, self.outputs, self.channels, self.bias = kernels
        self.size = self.channels * math.prod(windows.kernel)
        self.inner = self.size + self.bias
        self.bands = tuple(_bands((*windows.places, rows), self._columns()))
        self._arrays: dict[tuple[int, ...], np.ndarray] = {}

    @staticmethod
    def of(site: Site) -> "_Products":
        """Those of a node's own value."""
        groups, (rows, channels) = int(site.attribute("groups")), site.x[0].shape[:2]
        kernels = (groups, site.node.shape[0] // groups, channels // groups, int(len(site.x) > 2))
        return _Products(site, Windows.of(site), kernels, rows)

    @property
    def turnable(self) -> bool:
        """Whether the input's gradient is best taken as a correlation of its own."""
        few = self.outputs <= 3 * self.channels
        return few and self.windows.stride == (1, 1) and self.windows.fits_turned

    def _columns(self) -> int:
        """How many columns a band should have."""
        return max(WIDE, BAND_BYTES // (self.groups * self.inner * self.recorder.dtype.itemsize))

    def shared(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array for a passing result, ones at first, one for all bands that ask for this shape."""
        if shape not in self._arrays:
            self._arrays[shape] = aligned(shape, self.recorder.dtype)
            self._arrays[shape].fill(1.0)
        return self._arrays[shape]

    def columns_of(self, band: Band) -> np.ndarray:
        """The array (groups, inner, columns) that a band's columns are copied to; the 1 is there."""
        return self.shared((self.groups, self.inner, band.columns))

    def gather(self, frame: np.ndarray, band: Band) -> np.ndarray:
        """Append the copying of a band's columns; give them."""
        columns = self.columns_of(band)
        self.recorder.call(np.copyto, self.by_places(columns[:, : self.size], band), self.seen(frame, band))
        return columns

    def seen(self, frame: np.ndarray, band: Band) -> np.ndarray:
        """The windows of a band: (groups, channels, kernel h, kernel w, *box)."""
        windows = self.windows.over(frame)
        shape = (self.groups, self.channels, *windows.shape[1:])
        return windows.reshape(shape)[(..., *band.box)]

    def by_places(self, columns: np.ndarray, band: Band) -> np.ndarray:
        """Columns (groups, size, columns) as (groups, channels, kernel h, kernel w, *box)."""
        box = tuple(part.stop - part.start for part in band.box)
        return columns.reshape(self.groups, self.channels, *self.windows.kernel, *box)

    def correlate(self, frame: np.ndarray, kernels: np.ndarray, output: np.ndarray) -> None:
        """Append: for each band copy the columns, multiply by the kernels (groups, outputs, inner)."""
        for band in self.bands:
            columns = self.gather(frame, band)
            parts = self.pieces(self.outputs_of(output, band))
            for part, piece in zip(parts, self.pieces(columns), strict=True):
                self.recorder.call(np.matmul, kernels[:, np.newaxis], piece, part)

    def outputs_of(self, output: np.ndarray, band: Band) -> np.ndarray:
        """A band's part (groups, outputs, columns) of the planes of the output."""
        split = output.reshape(self.groups, self.outputs, *output.shape[1:])
        return split[(..., *band.box)].reshape(self.groups, self.outputs, band.columns)

    def pieces(self, matrix: np.ndarray) -> Iterator[np.ndarray]:
        """A matrix (groups, n, columns) as (groups, pieces, n, width), so wide that products are quick."""
        columns = matrix.shape[-1]
        width = SMALL_PRODUCT // (self.outputs * self.inner)
        if width < NARROW or width >= columns:
            width = columns
        else:
            # Pieces of about one width, of whole cache lines.
            width = min(width, -(-columns // -(-columns // width)) + 15) // 16 * 16
        whole = columns // width * width
        for part, step in ((matrix[..., :whole], width), (matrix[..., whole:], columns - whole)):
            if step:
                yield np.moveaxis(part.reshape(*part.shape[:-1], -1, step), -2, -3)


def _bands(places: tuple[int, int, int], columns: int) -> Iterator[Band]:
    """Cut (places h, places w, rows) into boxes of about this many places, each one run in memory."""
    for axis in range(3):
        inner = math.prod(places[axis + 1 :])
        if inner <= columns or axis == 2:
            step = max(1, columns // inner)
            break
    count = -(-places[axis] // step)
    cuts = [places[axis] * i // count for i in range(count + 1)]
    for outer in np.ndindex(*places[:axis]):
        before = [slice(i, i + 1) for i in outer]
        after = [slice(0, length) for length in places[axis + 1 :]]
        for low, high in itertools.pairwise(cuts):
            box = (*before, slice(low, high), *after)
            yield Band(box=(box[0], box[1], box[2]), columns=(high - low) * inner)


class Convolution(Op):
    """y[o] = b[o] + Σ over channels c of its group and kernel places k of W[o, c, k] x[c, place + k].

    Inputs: x (rows, channels, [height,] width), W (out, channels / groups, [kernel h,] kernel w), and b
    (out,) or none. Attributes: kernel_size, stride, padding, dilation (tuples), groups.
    """

    formula = Notation(
        "{y} = {x} ⋆ {W} + {b}, over each window",
        (
            "∂loss/∂{x} = Σ ∂loss/∂{y} · {W} over the windows that hold the place",
            "∂loss/∂{W} = Σ over the windows of ∂loss/∂{y} · {x}",
            "∂loss/∂{b} = Σ ∂loss/∂{y} over the places",
        ),
    )
    rows_innermost = True

    def forward(self, site: Site) -> None:
        """For each band: copy the columns, multiply."""
        shapes = _Products.of(site)
        frame = site.kept["frame"] = framed(site, site.x[0], shapes.windows, 0.0)
        weight = site.x[1].reshape(shapes.groups, shapes.outputs, shapes.size)
        kernels = weight
        if shapes.bias:
            kernels = aligned((shapes.groups, shapes.outputs, shapes.inner), site.dtype)
            site.call(np.copyto, kernels[..., :-1], weight)
            site.call(np.copyto, kernels[..., -1], site.x[2].reshape(shapes.groups, shapes.outputs))
        shapes.correlate(frame, kernels, planes(site.y))

    def gradient(self, site: Site) -> None:
        """∂W is ∂y times the columns; ∂x the sum over kernel places of Wᵀ ∂y, each at its place."""
        shapes = _Products.of(site)
        if any(site.wanted[1:]):
            self._kernel_gradient(site, shapes)
        if site.wanted[0]:
            if shapes.turnable:
                self._turned_gradient(site, shapes)
            else:
                self._spread_gradient(site, shapes)

    def _kernel_gradient(self, site: Site, shapes: _Products) -> None:
        """The products are transposed (inner, outputs): BLAS is quicker at these."""
        shape = (shapes.groups, shapes.inner, shapes.outputs)
        total, term = aligned(shape, site.dtype), aligned(shape, site.dtype)
        into, gy = total, readable(site, site.gy)
        for band in shapes.bands:
            columns = shapes.gather(site.kept["frame"], band)
            gradients = shapes.pieces(shapes.outputs_of(gy, band))
            for piece, gradient in zip(shapes.pieces(columns), gradients, strict=True):
                products = shapes.shared((*piece.shape[:2], *shape[1:]))
                site.call(np.matmul, piece, gradient.swapaxes(-1, -2), products)
                site.call(np.add.reduce, products, 1, None, into)
                if into is term:
                    site.call(np.add, total, term, total)
                into = term
        weight = site.gx(1).reshape(shapes.groups, shapes.outputs, shapes.size)
        site.call(np.copyto, weight, total[:, : shapes.size].swapaxes(-1, -2))
        if shapes.bias:
            site.call(np.copyto, site.gx(2).reshape(shapes.groups, shapes.outputs), total[:, -1])

    def _turned_gradient(self, site: Site, shapes: _Products) -> None:
        """∂x as a correlation of ∂y with the kernels turned by 180 degrees: copies instead of sums."""
        windows = shapes.windows.turned(site.x[0].shape)
        turned = _Products(
            site, windows, (shapes.groups, shapes.channels, shapes.outputs, 0), site.x[0].shape[0]
        )
        weight = site.x[1].reshape(shapes.groups, shapes.outputs, shapes.channels, *windows.kernel)
        kernels = aligned((shapes.groups, shapes.channels, shapes.outputs, *windows.kernel), site.dtype)
        site.call(np.copyto, kernels, weight[..., ::-1, ::-1].swapaxes(1, 2))
        frame, target = framed(site, site.gy, windows, 0.0), planes(site.gx(0))
        into = target if target.flags.c_contiguous else aligned(target.shape, site.dtype)
        turned.correlate(frame, kernels.reshape(shapes.groups, shapes.channels, turned.inner), into)
        if into is not target:
            site.call(np.copyto, target, into)

    def _spread_gradient(self, site: Site, shapes: _Products) -> None:
        """Wᵀ ∂y for each band as columns, which are added to their places in the frame."""
        weight = site.x[1].reshape(shapes.groups, 1, shapes.outputs, shapes.size)
        target, gy = site.gx(0), readable(site, site.gy)
        frame = frame_for(site, target, shapes.windows)
        site.call(frame.fill, 0.0)
        for band in shapes.bands:
            columns = shapes.columns_of(band)[:, : shapes.size]
            gradients = shapes.pieces(shapes.outputs_of(gy, band))
            for piece, gradient in zip(shapes.pieces(columns), gradients, strict=True):
                site.call(np.matmul, weight.swapaxes(-1, -2), gradient, piece)
            seen, terms = shapes.seen(frame, band), shapes.by_places(columns, band)
            for place in np.ndindex(*shapes.windows.kernel):
                at = (slice(None), slice(None), *place)
                site.call(np.add, seen[at], terms[at], seen[at])
        unframe(site, frame, target, shapes.windows)

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """In float64 as products of the windows: onnxruntime has no such convolution."""
        windows, groups = OnnxWindows.of(node), node.whole("groups")
        if out.dtype != np.float32:
            return _onnx_products(out, node, inputs)
        described = {**windows.described, "dilations": list(windows.dilation), "group": groups}
        return out.emit("Conv", *inputs, **described, name=node.name)


def _onnx_products(out: OnnxGraph, node: Node, inputs: Sequence[str]) -> str:
    """(rows, groups, windows, numbers) times (groups, numbers, channels of each group)."""
    windows, groups, channels = OnnxWindows.of(node), node.whole("groups"), node.shape[0]
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


class Conv1d(Convolution):
    """Over signals (rows, channels, length)."""

    name = "conv1d"


class Conv2d(Convolution):
    """Over images (rows, channels, height, width)."""

    name = "conv2d"
