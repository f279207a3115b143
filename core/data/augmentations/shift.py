"""Images moved by whole pixels."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

import numpy as np

from lockstep.core.data.augmentations.base import (
    AugmentationSpec,
    AugmentedRows,
    ImageShape,
    Stage,
    as_images,
    shape_problems,
)
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Whole
from lockstep.core.ground.random import Stream


class Shift(AugmentationSpec):
    """Each image moved by whole pixels along both axes, as chance has it; zeros come in at the edge."""

    makes_fractions = False

    type: Literal["shift"]
    pixels: Annotated[int, Whole(ge=1, le=1000)] = 1
    """how far at most"""
    shape: ImageShape
    """how the columns make an image: channels, height, width"""

    def stage(self, stream: Stream, rows: AugmentedRows) -> Stage:
        """See AugmentationSpec."""
        return ShiftStage(self, stream, rows)

    def problems(self, columns: int) -> Iterator[Problem]:
        """An image that may leave its frame whole would leave nothing behind."""
        wrong_shape = list(shape_problems(self.shape, columns))
        yield from wrong_shape
        smaller = min(self.shape[1:])
        if not wrong_shape and self.pixels >= smaller:
            message = f"expected less than the image's smaller side, {smaller}, got {self.pixels}; lower it"
            yield Problem(pointer="/pixels", code="too_far", message=message)


class ShiftStage(Stage):
    """Each image is cut out of itself with a frame of zeros, at a place drawn for it.

    The places are numbers into all framed images as one flat array: those of an unmoved cut, less a distance
    that is the same for all pixels of an image.
    """

    def __init__(self, settings: Shift, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._images = as_images(rows.x, settings.shape)
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
        """See Stage."""
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
