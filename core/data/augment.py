"""Augmentation: what is done to a shard's rows after they are loaded, anew at each step.

Its random numbers follow from (seed, step, shard, place in the list), and all that it does stays within the
shard: so who owns the shard, and how many members there are, changes no bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lockstep.core.data.augmentation_spec import Augmentation, Flip, Mixup, Noise, Shift
from lockstep.core.ground.fields import SpecModel
from lockstep.core.ground.random import Stream
from lockstep.core.losses.mixed import Mixing


@dataclass(frozen=True, kw_only=True)
class AugmentedRows:
    """The arrays of one shard: `x` (rows, columns), `y` (rows, ...).

    Where targets cannot be mixed, `mixing` receives those of the partners and the part of the rows' own.
    """

    x: np.ndarray
    y: np.ndarray
    mixing: Mixing | None = None


class Augmenter:
    """All augmentations of a spec for the shards of one number of rows. Nothing is allocated per step."""

    def __init__(self, augmentations: Sequence[Augmentation], seed: int, rows: AugmentedRows) -> None:
        self._stages = tuple(
            _STAGES[type(settings)](settings, Stream(seed, "augment", place), rows)
            for place, settings in enumerate(augmentations)
        )

    def apply(self, step: int, shard: int) -> None:
        """Change the rows that lie in the arrays, as those of this step and shard."""
        for stage in self._stages:
            stage.stream.at(step, shard)
            stage.apply()


class _Stage(ABC):
    """One augmentation."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    @abstractmethod
    def apply(self) -> None:
        """Change the rows; `stream` stands at the shard's numbers."""


class _Noise(_Stage):
    """x + std ε."""

    def __init__(self, settings: Noise, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._x = rows.x
        self._noise = np.empty(rows.x.shape, rows.x.dtype)
        self._std = np.array(settings.std, rows.x.dtype)

    def apply(self) -> None:
        self.stream.normal(self._noise)
        np.multiply(self._noise, self._std, self._noise)
        np.add(self._x, self._noise, self._x)


class _Mixup(_Stage):
    """x, and y where targets can be mixed, become λ a + (1 - λ) a', a' being the rows in another order."""

    def __init__(self, settings: Mixup, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._rows = rows
        self._draw = partial(stream.generator.beta, settings.alpha, settings.alpha)
        self._in_order = np.arange(len(rows.x))
        self._partners = self._in_order.copy()
        self._share, self._rest = np.zeros((), rows.x.dtype), np.zeros((), rows.x.dtype)
        mixed = (rows.x, rows.y) if rows.mixing is None else (rows.x,)
        self._mixed = tuple((array, np.empty(array.shape, array.dtype)) for array in mixed)

    def apply(self) -> None:
        self._share[()] = self._draw()
        np.subtract(1.0, self._share, self._rest)
        np.copyto(self._partners, self._in_order)
        self.stream.generator.shuffle(self._partners)
        for array, partners in self._mixed:
            array.take(self._partners, 0, partners, "clip")
            np.multiply(partners, self._rest, partners)
            np.multiply(array, self._share, array)
            np.add(array, partners, array)
        if self._rows.mixing is not None:
            self._rows.y.take(self._partners, 0, self._rows.mixing.other_y, "clip")
            self._rows.mixing.share[()] = self._share


class _Flip(_Stage):
    """Images whose number is below p are mirrored."""

    def __init__(self, settings: Flip, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._images = _as_images(rows.x, settings.shape)
        axis = -1 if settings.axis == "horizontal" else -2
        self._mirrored = np.flip(self._images, axis)
        self._copy = np.empty(self._images.shape, rows.x.dtype)
        self._drawn = np.empty(len(rows.x))
        self._chosen = np.empty(len(rows.x), np.bool_)
        self._p = np.array(settings.p)

    def apply(self) -> None:
        self.stream.uniform(self._drawn)
        np.less(self._drawn, self._p, self._chosen)
        np.copyto(self._copy, self._mirrored)
        np.copyto(self._images, self._copy, where=self._chosen[:, None, None, None])


class _Shift(_Stage):
    """Each image is cut out of itself with a frame of zeros, at a place drawn for it.

    The places are numbers into all framed images as one flat array: those of an unmoved cut, less a distance
    that is the same for all pixels of an image.
    """

    def __init__(self, settings: Shift, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._images = _as_images(rows.x, settings.shape)
        count, (channels, height, width), frame = len(rows.x), settings.shape, settings.pixels
        framed = np.zeros((count, channels, height + 2 * frame, width + 2 * frame), rows.x.dtype)
        self._inner = framed[:, :, frame : frame + height, frame : frame + width]
        self._take = partial(framed.reshape(-1).take, mode="clip")
        numbers = np.arange(framed.size).reshape(framed.shape)
        self._unmoved = numbers[:, :, frame : frame + height, frame : frame + width].copy()
        self._places = np.empty_like(self._unmoved)
        self._cut = np.empty(self._images.shape, rows.x.dtype)
        self._drawn = np.empty((2, count))
        self._moves = np.empty((2, count), np.intp)
        self._frame, self._choices = np.array(frame), np.array(2.0 * frame + 1.0)
        self._line = np.array(framed.shape[-1])

    def apply(self) -> None:
        down, right = self._moves
        self.stream.uniform(self._drawn)
        np.multiply(self._drawn, self._choices, self._drawn)
        np.copyto(self._moves, self._drawn, casting="unsafe")
        np.subtract(self._moves, self._frame, self._moves)
        np.multiply(down, self._line, down)
        np.add(down, right, down)
        np.copyto(self._inner, self._images)
        np.subtract(self._unmoved, down[:, None, None, None], self._places)
        self._take(self._places, out=self._cut)
        np.copyto(self._images, self._cut)


def _as_images(x: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows (rows, columns) seen as (rows, channels, height, width), however they lie in memory."""
    if x.flags.c_contiguous:
        return x.reshape(len(x), *shape)
    return np.moveaxis(x.T.reshape(*shape, len(x)), -1, 0)


_STAGES: dict[type[SpecModel], Callable[..., _Stage]] = {
    Noise: _Noise,
    Mixup: _Mixup,
    Flip: _Flip,
    Shift: _Shift,
}
