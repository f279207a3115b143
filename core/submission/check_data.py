"""Whether the data is sound, and fits the loss."""

from collections.abc import Iterator

import numpy as np

from lockstep.core.data.shapes import DataShape
from lockstep.core.data.spec import BuiltinData, GeneratedData, InlineData
from lockstep.core.ground.errors import Problem
from lockstep.core.losses import loss_of
from lockstep.core.losses.kinds import FOR_CLASSES, FOR_VALUES
from lockstep.core.losses.targets import DataTargets
from lockstep.core.spec.job import TrainSpec, default_dtype
from lockstep.core.submission.check_targets import check_targets, first_bad
from lockstep.core.submission.facts import Facts

FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_data(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    """All problems of spec.data, alone and under the loss."""
    shape = facts.shape
    if facts.inputs is not None:
        yield from _check_inline(spec, facts.inputs, facts.targets)
    if not isinstance(spec.data, InlineData):
        yield from _check_loss(spec, shape, _name(spec.data))
    if isinstance(spec.data, GeneratedData):
        yield from _check_generator(spec.data)
    yield from _check_parts(spec, facts)


def _name(data: BuiltinData | GeneratedData) -> str:
    return data.builtin if isinstance(data, BuiltinData) else data.generator


def _check_loss(spec: TrainSpec, shape: DataShape, name: str) -> Iterator[Problem]:
    """Whether the loss goes with targets that are classes, or values."""
    loss, targets, has = spec.loss.type, loss_of(spec.loss).targets, _has(shape)
    if has in targets.fit:
        return
    if not targets.fit:
        came, take = ("values", FOR_VALUES) if has == "values" else ("class numbers", FOR_CLASSES)
        message = (
            f'expected targets that are {targets.called} for {loss}, but {name} has {came}; take "{take}"'
        )
    elif has == "values":
        message = (
            f'expected a loss for values, because {name} has no classes, got "{loss}"; take "{FOR_VALUES}"'
        )
    else:
        classes = f"{name} has {shape.outputs} classes"
        take = loss_of(spec.loss).other or FOR_CLASSES
        message = f'expected a loss for several classes, because {classes}, got "{loss}"; take "{take}"'
    yield Problem(pointer="/loss", code="loss_mismatch", message=message)


def _has(shape: DataShape) -> DataTargets:
    if shape.target == "values":
        return "values"
    return "several classes" if shape.outputs > 2 else "two classes"


def _check_generator(data: GeneratedData) -> Iterator[Problem]:
    classes = data.class_count
    if data.classes is not None and not data.kind.classes_are_free:
        has = f"always has {classes} classes" if classes else "has values, not classes"
        yield Problem(
            pointer="/data/classes",
            code="fixed_classes",
            message=f'expected no "classes", because {data.generator} {has}, got {data.classes}; take it out',
        )
    if data.size < classes:
        yield Problem(
            pointer="/data/size",
            code="too_few_rows",
            message=f"expected at least {classes} rows, one for each class, got {data.size}; raise size",
        )


def _check_parts(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    sizes, shape = facts.parts, facts.shape
    if sizes.train >= 1:
        return
    kept = [name for name in ("test_fraction", "validation_fraction") if getattr(spec.data, name) > 0]
    parts = f"{sizes.test} to test and {sizes.validation} to validate"
    yield Problem(
        pointer=f"/data/{kept[0]}",
        code="nothing_to_train_on",
        message=f"expected at least one row to train on, got {shape.rows} rows, of which {parts}; "
        f"lower {' or '.join(kept)}, or give more rows",
    )


def _check_inline(spec: TrainSpec, x: np.ndarray, y: np.ndarray) -> Iterator[Problem]:
    if len(x) != len(y):
        yield Problem(
            pointer="/data/inline/y",
            code="unequal_lengths",
            message=f"expected as many rows in y as in x, {len(x)}, got {len(y)}; add or remove some",
        )
    yield from check_targets(spec.loss, y)
    if (spec.dtype or default_dtype(spec)) == "float32":
        message = (
            'expected a number that float32 can hold, got {}; scale the data, or set "dtype" to "float64"'
        )
        for key, values in (("x", x), ("y", y)):
            yield from first_bad(key, values, np.abs(values) > FLOAT32_MAX, ("too_large", message))
