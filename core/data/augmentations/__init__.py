"""Augmentation: what is done to a shard's rows after they are loaded, anew at each step.

So the model rarely sees the same row twice. The random numbers follow from (seed, step, shard, place in the
list), and all that is done stays within the shard: so who owns the shard, and how many members there are,
changes no bit.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lockstep.core.data.augmentations.base import AugmentationSpec, AugmentedRows, Stage
from lockstep.core.data.augmentations.flip import Flip
from lockstep.core.data.augmentations.mixup import Mixup
from lockstep.core.data.augmentations.noise import Noise
from lockstep.core.data.augmentations.shift import Shift
from lockstep.core.ground.random import Stream
from lockstep.core.ground.words import Vocabulary, chosen_by_type, name_of

__all__ = [
    "AUGMENTATIONS",
    "AUGMENTATION_TAG",
    "MAX_AUGMENTATIONS",
    "NEEDS",
    "AugmentationSpec",
    "Augmentations",
    "AugmentedRows",
    "Augmenter",
    "Stage",
]

MAX_AUGMENTATIONS = 8

NEEDS = {
    "stage": "what changes the rows",
    "makes_fractions": "whether whole numbers come out as others",
    "__doc__": "what people are told of it",
}
AUGMENTATIONS: Vocabulary[type[AugmentationSpec]] = Vocabulary(
    "augmentation", NEEDS, ((name_of(kind), kind) for kind in (Noise, Mixup, Flip, Shift))
)
AUGMENTATION_TAG = "<{}>"

if TYPE_CHECKING:
    AnyAugmentation = AugmentationSpec
else:
    AnyAugmentation = chosen_by_type(
        AUGMENTATIONS, AUGMENTATION_TAG, error="augmentation_type", expected="an augmentation"
    )

Augmentations = Annotated[tuple[AnyAugmentation, ...], Field(max_length=MAX_AUGMENTATIONS)]
"""What is done, in this order."""


class Augmenter:
    """All augmentations of a spec for the shards of one number of rows. Nothing is allocated per step."""

    def __init__(self, augmentations: Sequence[AugmentationSpec], seed: int, rows: AugmentedRows) -> None:
        self._stages = tuple(
            settings.stage(Stream(seed, "augment", place), rows)
            for place, settings in enumerate(augmentations)
        )

    def apply(self, step: int, shard: int) -> None:
        """Change the rows that lie in the arrays, as those of this step and shard."""
        for stage in self._stages:
            stage.stream.at(step, shard)
            stage.apply()
