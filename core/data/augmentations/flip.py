"""Images mirrored."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.data.augmentations.base import (
    AugmentationSpec,
    AugmentedRows,
    ImageShape,
    Stage,
    as_images,
    shape_problems,
)
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Real
from lockstep.core.ground.random import Stream


class Flip(AugmentationSpec):
    """Each image mirrored, or not."""

    makes_fractions = False

    type: Literal["flip"]
    axis: Literal["horizontal", "vertical"] = "horizontal"
    """ "horizontal" exchanges left and right, "vertical" top and bottom"""
    p: Annotated[Real, Field(gt=0, le=1)] = 0.5
    """how probable it is that an image is mirrored"""
    shape: ImageShape
    """how the columns make an image: channels, height, width"""

    def problems(self, columns: int) -> Iterator[Problem]:
        """See AugmentationSpec."""
        yield from shape_problems(self.shape, columns)

    def stage(self, stream: Stream, rows: AugmentedRows) -> Stage:
        """See AugmentationSpec."""
        return FlipStage(self, stream, rows)


class FlipStage(Stage):
    """Images whose number is below p are mirrored."""

    def __init__(self, settings: Flip, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._images = as_images(rows.x, settings.shape)
        axis = -1 if settings.axis == "horizontal" else -2
        self._mirrored = np.flip(self._images, axis)
        self._copy = np.empty(self._images.shape, rows.x.dtype)
        self._drawn = np.empty(len(rows.x))
        self._chosen = np.empty(len(rows.x), np.bool_)
        self._p = np.array(settings.p)

    def apply(self) -> None:
        """See Stage."""
        self.stream.uniform(self._drawn)
        np.less(self._drawn, self._p, self._chosen)
        np.copyto(self._copy, self._mirrored)
        np.copyto(self._images, self._copy, where=self._chosen[:, None, None, None])
