"""Rows mixed with one another."""

from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.data.augmentations.base import AugmentationSpec, AugmentedRows, Stage
from lockstep.core.ground.fields import Real
from lockstep.core.ground.random import Stream


class Mixup(AugmentationSpec):
    """λ x + (1 - λ) x', x' being another row of the shard and λ from Beta(alpha, alpha), one for a shard.

    The targets are mixed likewise; for class numbers it is the losses against both that are mixed. Zhang,
    Cissé, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (2018).
    """

    makes_fractions = True
    mixes_targets = True

    type: Literal["mixup"]
    alpha: Annotated[Real, Field(gt=0, le=1000)] = 0.2
    """how evenly rows are mixed: near 0 hardly, at 1 anything between, far above half and half"""

    def stage(self, stream: Stream, rows: AugmentedRows) -> Stage:
        """See AugmentationSpec."""
        return MixupStage(self, stream, rows)


class MixupStage(Stage):
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
        """See Stage."""
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
