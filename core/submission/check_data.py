"""Whether the data is sound, and fits the loss."""

from collections.abc import Iterator

import numpy as np

from core.data.shapes import FREE_CLASSES, DataShape, classes_of, shape_of
from core.data.split import part_sizes
from core.errors import Problem
from core.spec.data import BuiltinData, GeneratedData, InlineData
from core.spec.job import TrainSpec, default_dtype
from core.spec.layers import MAX_WIDTH
from core.submission.problems import pointer_to

FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_data(spec: TrainSpec) -> Iterator[Problem]:
    """All problems of spec.data, alone and under the loss."""
    shape = shape_of(spec.data)
    if isinstance(spec.data, InlineData):
        yield from _check_inline(spec, spec.data)
    else:
        yield from _check_loss(spec, shape, _name(spec.data))
    if isinstance(spec.data, GeneratedData):
        yield from _check_generator(spec.data)
    yield from _check_parts(spec, shape)


def largest_class(data: InlineData) -> int | None:
    """The largest class number, at most MAX_WIDTH; None where the targets are no class numbers."""
    y = np.asarray(data.inline.y, dtype=np.float64)
    if any(_check_class_numbers(y)):
        return None
    return int(min(y.max(), MAX_WIDTH))


def _name(data: BuiltinData | GeneratedData) -> str:
    return data.builtin if isinstance(data, BuiltinData) else data.generator


def _check_loss(spec: TrainSpec, shape: DataShape, name: str) -> Iterator[Problem]:
    loss = spec.loss.type
    if shape.target == "values" and loss in ("cross_entropy", "binary_cross_entropy"):
        message = f'expected a loss for values, because {name} has no classes, got "{loss}"; take "mse"'
        yield Problem(pointer="/loss", code="loss_mismatch", message=message)
    if shape.target == "classes" and shape.outputs > 2 and loss != "cross_entropy":
        classes = f"{name} has {shape.outputs} classes"
        message = (
            f'expected a loss for several classes, because {classes}, got "{loss}"; take "cross_entropy"'
        )
        yield Problem(pointer="/loss", code="loss_mismatch", message=message)


def _check_generator(data: GeneratedData) -> Iterator[Problem]:
    classes = classes_of(data)
    if data.classes is not None and data.generator not in FREE_CLASSES:
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


def _check_parts(spec: TrainSpec, shape: DataShape) -> Iterator[Problem]:
    sizes = part_sizes(shape.rows, spec.data)
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


def _check_inline(spec: TrainSpec, data: InlineData) -> Iterator[Problem]:
    x, y = (np.asarray(table, dtype=np.float64) for table in (data.inline.x, data.inline.y))
    if len(x) != len(y):
        yield Problem(
            pointer="/data/inline/y",
            code="unequal_lengths",
            message=f"expected as many rows in y as in x, {len(x)}, got {len(y)}; add or remove some",
        )
    if spec.loss.type == "cross_entropy":
        yield from _check_class_numbers(y)
    if spec.loss.type == "binary_cross_entropy":
        message = (
            "expected a number from 0 to 1 with binary_cross_entropy, got {}; scale the targets, or take mse"
        )
        yield from _first_bad("y", y, (y < 0) | (y > 1), ("not_a_probability", message))
    if (spec.dtype or default_dtype(spec)) == "float32":
        message = (
            'expected a number that float32 can hold, got {}; scale the data, or set "dtype" to "float64"'
        )
        for key, values in (("x", x), ("y", y)):
            yield from _first_bad(key, values, np.abs(values) > FLOAT32_MAX, ("too_large", message))


def _check_class_numbers(y: np.ndarray) -> Iterator[Problem]:
    if y.ndim == 2 and y.shape[1] != 1:
        yield Problem(
            pointer="/data/inline/y",
            code="not_class_numbers",
            message=f"expected one class number for each row with cross_entropy, got {y.shape[1]} numbers; "
            "write 2 for [0, 0, 1], or take binary_cross_entropy",
        )
        return
    message = (
        "expected a class number with cross_entropy, one of 0, 1, 2, ..., got {}; number the classes from 0"
    )
    yield from _first_bad("y", y, (y < 0) | (y != np.floor(y)), ("not_a_class_number", message))


def _first_bad(key: str, values: np.ndarray, bad: np.ndarray, words: tuple[str, str]) -> Iterator[Problem]:
    """One problem, at the first of `values` that is `bad`; `words`: the code and the message with a gap."""
    places = np.argwhere(bad)
    if len(places):
        place = tuple(int(index) for index in places[0])
        pointer = pointer_to(("data", "inline", key, *place))
        yield Problem(pointer=pointer, code=words[0], message=words[1].format(f"{values[place]:g}"))
