"""Noise on the inputs."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.data.augmentations.base import AugmentationSpec, AugmentedRows, Stage
from lockstep.core.ground.fields import Real
from lockstep.core.ground.random import Stream


class Noise(AugmentationSpec):
    """Each number plus a normally distributed one of mean 0."""

    makes_fractions = True

    type: Literal["noise"]
    std: Annotated[Real, Field(gt=0, le=1e6)]
    """the standard deviation, in the units of the columns after standardizing"""

    def stage(self, stream: Stream, rows: AugmentedRows) -> Stage:
        """See AugmentationSpec."""
        return NoiseStage(self, stream, rows)


class NoiseStage(Stage):
    """x + std ε."""

    def __init__(self, settings: Noise, stream: Stream, rows: AugmentedRows) -> None:
        super().__init__(stream)
        self._x = rows.x
        self._noise = np.empty(rows.x.shape, rows.x.dtype)
        self._std = np.array(settings.std, rows.x.dtype)

    def apply(self) -> None:
        """See Stage."""
        self.stream.normal(self._noise)
        np.multiply(self._noise, self._std, self._noise)
        np.add(self._x, self._noise, self._x)
