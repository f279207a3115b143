"""Images in memory with the rows innermost, and the windows over them that convolution and pooling take.

An array of images is presented as (rows, channels, height, width), and signals as (rows, channels, length).
The ops see both as planes (channels, height, width, rows), signals with height 1; these are C-contiguous
where the rows lie innermost. So whatever is done at one place is done to all rows in one run of memory.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import Recorder, Site

HeightAndWidth = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How a kernel is laid over planes: (vertical, horizontal) each, all in numbers of places.

    `places` is how many windows there are.
    """

    kernel: HeightAndWidth
    stride: HeightAndWidth
    padding: HeightAndWidth
    dilation: HeightAndWidth
    places: HeightAndWidth

    @staticmethod
    def of(site: Site) -> "Windows":
        """Those of a node's attributes and shape."""
        dilation = site.sizes("dilation") if "dilation" in site.node.attributes else (1,)
        return Windows(
            kernel=_pair(site.sizes("kernel_size"), 1),
            stride=_pair(site.sizes("stride"), 1),
            padding=_pair(site.sizes("padding"), 0),
            dilation=_pair(dilation, 1),
            places=_pair(site.node.shape[1:], 1),
        )

    @property
    def _turned_padding(self) -> HeightAndWidth:
        """What the padding leaves of the kernel's reach."""
        down, right = (
            step * (size - 1) - edge
            for step, size, edge in zip(self.dilation, self.kernel, self.padding, strict=True)
        )
        return (down, right)

    @property
    def fits_turned(self) -> bool:
        """Whether `turned` has windows."""
        return min(self._turned_padding) >= 0

    def turned(self, shape: tuple[int, ...]) -> "Windows":
        """The windows over the values that were computed from a place of an array of `shape`, stride 1."""
        return replace(self, padding=self._turned_padding, places=_pair(shape[2:], 1))

    def over(self, frame: np.ndarray) -> np.ndarray:
        """A view (channels, kernel h, kernel w, places h, places w, rows) of padded planes."""
        channels, rows = frame.shape[0], frame.shape[-1]
        by_channel, down, right, by_row = frame.strides
        return as_strided(
            frame,
            (channels, *self.kernel, *self.places, rows),
            (
                by_channel,
                down * self.dilation[0],
                right * self.dilation[1],
                down * self.stride[0],
                right * self.stride[1],
                by_row,
            ),
        )

    def lines(self, frame: np.ndarray) -> list[np.ndarray]:
        """For each line of the kernel what lies there: (channels, places h, padded width, rows)."""
        reach = self.stride[0] * (self.places[0] - 1) + 1
        return [frame[:, down : down + reach : self.stride[0]] for down in range(self.kernel[0])]

    def columns(self, lines: np.ndarray) -> list[np.ndarray]:
        """For each column of the kernel what lies there of such lines: (channels, *places, rows)."""
        reach = self.stride[1] * (self.places[1] - 1) + 1
        return [lines[:, :, right : right + reach : self.stride[1]] for right in range(self.kernel[1])]

    @property
    def overlap(self) -> bool:
        """Whether a place can lie in several windows."""
        return self.kernel[0] > self.stride[0] or self.kernel[1] > self.stride[1]

    def tile(self, frame: np.ndarray) -> bool:
        """Whether each place of padded planes lies in one window."""
        lengths = tuple(size * count for size, count in zip(self.kernel, self.places, strict=True))
        return self.kernel == self.stride and frame.shape[1:3] == lengths

    def frame_shape(self, planes: np.ndarray) -> tuple[int, ...]:
        """The shape of the planes with their padding."""
        channels, height, width, rows = planes.shape
        return (channels, height + 2 * self.padding[0], width + 2 * self.padding[1], rows)

    def interior(self, frame: np.ndarray) -> np.ndarray:
        """A view of padded planes without their padding."""
        (top, left), (_, height, width, _) = self.padding, frame.shape
        return frame[:, top : height - top, left : width - left]


def _pair(sizes: tuple[int, ...], vertical: int) -> HeightAndWidth:
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (vertical, sizes[0])


def planes(array: np.ndarray) -> np.ndarray:
    """(rows, channels, [height,] width) as (channels, height, width, rows): a view."""
    moved = np.moveaxis(array, 0, -1)
    return moved[:, np.newaxis] if moved.ndim == 3 else moved


def readable(recorder: Recorder, array: np.ndarray) -> np.ndarray:
    """The planes of `array`, C-contiguous: itself, or a copy made at each run."""
    seen = planes(array)
    if seen.flags.c_contiguous:
        return seen
    copy = aligned(seen.shape, recorder.dtype)
    recorder.call(np.copyto, copy, seen)
    return copy


def framed(recorder: Recorder, array: np.ndarray, windows: Windows, value: float) -> np.ndarray:
    """The planes of `array` with `value` around them, C-contiguous; themselves where there is no padding."""
    if windows.padding == (0, 0):
        return readable(recorder, array)
    frame = aligned(windows.frame_shape(planes(array)), recorder.dtype)
    frame.fill(value)
    recorder.call(np.copyto, windows.interior(frame), planes(array))
    return frame


def frame_for(site: Site, target: np.ndarray, windows: Windows) -> np.ndarray:
    """Where the gradient of padded planes goes; `unframe` then brings it to `target`."""
    seen = planes(target)
    if windows.padding == (0, 0) and seen.flags.c_contiguous:
        return seen
    return aligned(windows.frame_shape(seen), site.dtype)


def unframe(site: Site, frame: np.ndarray, target: np.ndarray, windows: Windows) -> None:
    """Append the copy of the frame's interior to `target`, if it is not there."""
    if not np.may_share_memory(frame, target):
        site.call(np.copyto, planes(target), windows.interior(frame))
