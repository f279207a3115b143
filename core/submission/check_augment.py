"""Whether augmentations fit the data and the model."""

from collections.abc import Iterator
from dataclasses import replace

from lockstep.core.ground.errors import Problem
from lockstep.core.model.layers import walk
from lockstep.core.model.spec import LayersModel
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.facts import Facts
from lockstep.core.submission.problems import pointer_to


def check_augment(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    """All problems of spec.data.augment."""
    columns = facts.shape.columns
    takes_whole_numbers = isinstance(spec.model, LayersModel) and any(
        layer.takes_whole_numbers for _, _, layer in walk(spec.model.layers, "")
    )
    for place, augmentation in enumerate(spec.data.augment):
        pointer = pointer_to(("data", "augment", place))
        for problem in augmentation.problems(columns):
            yield replace(problem, pointer=pointer + problem.pointer)
        if takes_whole_numbers and augmentation.makes_fractions:
            yield Problem(
                pointer=pointer,
                code="needs_real_numbers",
                message=f"expected inputs that are measured, because {augmentation.type} makes fractions of "
                "them, got whole numbers for an embedding; take it out",
            )
