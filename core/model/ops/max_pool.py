"""Pooling by the largest of each window."""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.images import Windows, frame_for, framed, planes, readable, unframe
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.onnx_windows import OnnxWindows
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.relu import Relu

BLOCK_BYTES = 1 << 19
"""How much of the planes is worked on at a time, about: it then stays in a core's second cache."""


class MaxPool(Op):
    """y is the largest of each window; the padding counts as -infinity.

    Attributes: kernel_size, stride, padding (tuples); `relu` is 1 where max(y, 0) is wanted instead (see
    core/engine/fast/fusion.py).
    """

    formula = Notation(
        "{y} = the largest of {x} in each window", ("∂{y}/∂{x} = 1 at the largest of the window, else 0",)
    )
    absorbs = frozenset({Relu.absorbed_as})
    rows_innermost = True
    reads_output = True

    def forward(self, site: Site) -> None:
        """One pass over the output for each place of the window."""
        windows = Windows.of(site)
        frame = site.kept["frame"] = framed(site, site.x[0], windows, -math.inf)
        for block in _blocks(frame):
            y, (so_far, *others) = planes(site.y)[block], self._parts(site, windows, block)
            if not others:
                site.call(np.copyto, y, so_far)
            for part in others:
                site.call(np.maximum, so_far, part, out=y)
                so_far = y
            if site.node.attributes.get(Relu.absorbed_as):
                site.call(np.maximum, y, self._shared(site, "zeros", y.shape), out=y)

    def gradient(self, site: Site) -> None:
        """∂y goes to the place that holds the maximum; to the first of several, line by line, as in PyTorch.

        The bits of y - x are 0 at the maximum, elsewhere a positive integer; so min(bits, 1) is 0 or 1, and
        times the bits of ∂y those of a zero or of ∂y: what is left of it for the places after. Passes over
        integers take a third of the time of comparisons and products with booleans.
        """
        windows, target, gy = Windows.of(site), site.gx(0), readable(site, site.gy)
        frame = frame_for(site, target, windows)
        if not windows.tile(frame):
            site.call(frame.fill, 0.0)
        for block in _blocks(frame):
            seen = np.moveaxis(windows.over(frame[block]), 0, 2)
            into = seen if windows.overlap else self._shared(site, "into", seen.shape)
            self._share_out(site, windows, (block, gy[block], into))
            if into is not seen:
                site.call(np.copyto, seen, into)
        unframe(site, frame, target, windows)

    def _share_out(self, site: Site, windows: Windows, what: tuple[slice, np.ndarray, np.ndarray]) -> None:
        """Append, for a block of channels: ∂y is added to the gradients of its places, or is put there."""
        block, gy, into = what
        y, integer = planes(site.y)[block], np.dtype(f"i{site.dtype.itemsize}")
        masks = [self._shared(site, f"mask {i}", y.shape).view(integer) for i in range(3)]
        ones, left = self._shared(site, "ones", y.shape).view(integer), gy.view(integer)
        ones.fill(1)
        if site.node.attributes.get(Relu.absorbed_as):
            site.call(np.minimum, y.view(integer), ones, out=masks[2])
            site.call(np.multiply, left, masks[2], masks[2])
            left = masks[2]
        *parts, _ = self._parts(site, windows, block)
        *gradients, last = _listed(into)
        for number, (part, gradient) in enumerate(zip(parts, gradients, strict=True)):
            rest = masks[number % 2]
            site.call(np.subtract, y, part, rest.view(site.dtype))
            site.call(np.minimum, rest, ones, out=rest)
            site.call(np.multiply, left, rest, rest)
            if windows.overlap:
                more = self._shared(site, "more", y.shape)
                site.call(np.subtract, left, rest, more.view(integer))
                site.call(np.add, gradient, more, gradient)
            else:
                site.call(np.subtract, left, rest, gradient.view(integer))
            left = rest
        if windows.overlap:
            site.call(np.add, last, left.view(site.dtype), last)
        else:
            site.call(np.copyto, last, left.view(site.dtype))

    def _parts(self, site: Site, windows: Windows, block: slice) -> list[np.ndarray]:
        """What lies at each place of the kernel, line by line: (channels, *places, rows).

        Where windows do not overlap, copied into a run of its own: the passes over it take half the time.
        """
        seen = np.moveaxis(windows.over(site.kept["frame"][block]), 0, 2)
        if windows.overlap:
            return _listed(seen)
        run = self._shared(site, "seen", seen.shape)
        site.call(np.copyto, run, seen)
        return _listed(run)

    def _shared(self, site: Site, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Room for a passing result, the same for all blocks of this shape."""
        key = f"{name} {shape}"
        if key not in site.kept:
            site.kept[key] = aligned(shape, site.dtype)
        return site.kept[key]

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """As it is."""
        return out.emit("MaxPool", *inputs, **OnnxWindows.of(node).described, name=node.name)


def _blocks(frame: np.ndarray) -> list[slice]:
    """Cuts through the channels of padded planes."""
    step = max(1, BLOCK_BYTES // frame[0].nbytes)
    return [slice(low, low + step) for low in range(0, len(frame), step)]


def _listed(seen: np.ndarray) -> list[np.ndarray]:
    """(kernel h, kernel w, ...) as a list, line by line."""
    return [seen[place] for place in np.ndindex(*seen.shape[:2])]


class MaxPool1d(MaxPool):
    """Over signals (rows, channels, length)."""

    name = "max_pool1d"


class MaxPool2d(MaxPool):
    """Over images (rows, channels, height, width)."""

    name = "max_pool2d"
