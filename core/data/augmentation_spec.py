"""What is done to the training rows at each step, so that the model rarely sees the same row twice."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from lockstep.core.ground.fields import Real, SpecModel, Whole
from lockstep.core.ground.sizes import Width

MAX_AUGMENTATIONS = 8

ImageShape = tuple[Width, Width, Width]
"""(channels, height, width); the product is the number of the data's columns."""


class Noise(SpecModel):
    """Each number plus a normally distributed one of mean 0."""

    type: Literal["noise"]
    std: Annotated[Real, Field(gt=0, le=1e6)]
    """the standard deviation, in the units of the columns after standardizing"""


class Mixup(SpecModel):
    """λ x + (1 - λ) x', x' being another row of the shard and λ from Beta(alpha, alpha), one for a shard.

    The targets are mixed likewise; for class numbers it is the losses against both that are mixed. Zhang,
    Cissé, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (2018).
    """

    type: Literal["mixup"]
    alpha: Annotated[Real, Field(gt=0, le=1000)] = 0.2
    """how evenly rows are mixed: near 0 hardly, at 1 anything between, far above half and half"""


class Flip(SpecModel):
    """Each image mirrored, or not."""

    type: Literal["flip"]
    axis: Literal["horizontal", "vertical"] = "horizontal"
    """ "horizontal" exchanges left and right, "vertical" top and bottom"""
    p: Annotated[Real, Field(gt=0, le=1)] = 0.5
    """how probable it is that an image is mirrored"""
    shape: ImageShape
    """how the columns make an image: channels, height, width"""


class Shift(SpecModel):
    """Each image moved by whole pixels along both axes, as chance has it; zeros come in at the edge."""

    type: Literal["shift"]
    pixels: Annotated[int, Whole(ge=1, le=1000)] = 1
    """how far at most"""
    shape: ImageShape
    """how the columns make an image: channels, height, width"""


AUGMENTATION_TYPES: dict[str, type[SpecModel]] = {
    "noise": Noise,
    "mixup": Mixup,
    "flip": Flip,
    "shift": Shift,
}


def _kind(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{name}>" if isinstance(name, str) and name in AUGMENTATION_TYPES else None


Augmentation = Annotated[
    Annotated[Noise, Tag("<noise>")]
    | Annotated[Mixup, Tag("<mixup>")]
    | Annotated[Flip, Tag("<flip>")]
    | Annotated[Shift, Tag("<shift>")],
    Discriminator(
        _kind, custom_error_type="augmentation_type", custom_error_message="expected an augmentation"
    ),
]

Augmentations = Annotated[tuple[Augmentation, ...], Field(max_length=MAX_AUGMENTATIONS)]
"""What is done, in this order."""
