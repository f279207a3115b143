"""What the augmentations share: their settings, the rows they change, and images in rows."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import SpecModel
from lockstep.core.ground.random import Stream
from lockstep.core.ground.sizes import Width
from lockstep.core.losses.mixed import Mixing

ImageShape = tuple[Width, Width, Width]
"""(channels, height, width); the product is the number of the data's columns."""


@dataclass(frozen=True, kw_only=True)
class AugmentedRows:
    """The arrays of one shard: `x` (rows, columns), `y` (rows, ...).

    Where targets cannot be mixed, `mixing` receives those of the partners and the part of the rows' own.
    """

    x: np.ndarray
    y: np.ndarray
    mixing: Mixing | None = None


class Stage(ABC):
    """One augmentation of the shards of one number of rows. Nothing is allocated per step."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    @abstractmethod
    def apply(self) -> None:
        """Change the rows; `stream` stands at the shard's numbers."""


class AugmentationSpec(SpecModel):
    """The settings of one augmentation, and what must be known of it beside its work.

    `makes_fractions`: whether whole numbers come out as others, so that they name no token any more.
    `mixes_targets`: whether rows get a part of other rows' targets.
    """

    makes_fractions: ClassVar[bool]
    mixes_targets: ClassVar[bool] = False

    type: str

    @abstractmethod
    def stage(self, stream: Stream, rows: AugmentedRows) -> Stage:
        """What changes these rows where they lie."""

    def problems(self, columns: int) -> Iterator[Problem]:  # noqa: ARG002 - most take any row
        """Why rows of this many inputs cannot be augmented so; pointers begin at the augmentation."""
        yield from ()


def shape_problems(shape: ImageShape, columns: int) -> Iterator[Problem]:
    """Why rows of this many inputs cannot be images of `shape`."""
    if (numbers := math.prod(shape)) != columns:
        shown = " * ".join(map(str, shape))
        yield Problem(
            pointer="/shape",
            code="wrong_shape",
            message=f"expected a shape of the data's {columns} numbers, got {shown} = {numbers}; "
            "give [channels, height, width]",
        )


def as_images(x: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows (rows, columns) seen as (rows, channels, height, width), however they lie in memory."""
    if x.flags.c_contiguous:
        return x.reshape(len(x), *shape)
    return np.moveaxis(x.T.reshape(*shape, len(x)), -1, 0)
