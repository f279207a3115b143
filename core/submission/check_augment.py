"""Whether augmentations fit the data and the model."""

import math
from collections.abc import Iterator

from lockstep.core.data.augmentation_spec import Flip, Shift
from lockstep.core.data.shapes import shape_of
from lockstep.core.ground.errors import Problem
from lockstep.core.model.layers import walk
from lockstep.core.model.spec import LayersModel
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.problems import pointer_to


def check_augment(spec: TrainSpec) -> Iterator[Problem]:
    """All problems of spec.data.augment."""
    columns = shape_of(spec.data).columns
    takes_whole_numbers = isinstance(spec.model, LayersModel) and any(
        layer.takes_whole_numbers for _, _, layer in walk(spec.model.layers, "")
    )
    for place, augmentation in enumerate(spec.data.augment):
        pointer = pointer_to(("data", "augment", place))
        if isinstance(augmentation, (Flip, Shift)):
            yield from _check_image(augmentation, columns, pointer)
        elif takes_whole_numbers:
            yield Problem(
                pointer=pointer,
                code="needs_real_numbers",
                message=f"expected inputs that are measured, because {augmentation.type} makes fractions of "
                "them, got whole numbers for an embedding; take it out",
            )


def _check_image(augmentation: Flip | Shift, columns: int, pointer: str) -> Iterator[Problem]:
    shape = augmentation.shape
    if math.prod(shape) != columns:
        shown = " * ".join(map(str, shape))
        yield Problem(
            pointer=f"{pointer}/shape",
            code="wrong_shape",
            message=f"expected a shape of the data's {columns} numbers, got {shown} = {math.prod(shape)}; "
            "give [channels, height, width]",
        )
    elif isinstance(augmentation, Shift) and augmentation.pixels >= min(shape[1:]):
        yield Problem(
            pointer=f"{pointer}/pixels",
            code="too_far",
            message=f"expected less than the image's smaller side, {min(shape[1:])}, "
            f"got {augmentation.pixels}; lower it",
        )
