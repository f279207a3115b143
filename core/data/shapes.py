"""How large a data set is and what its targets are, known without building it."""

from dataclasses import dataclass
from typing import Literal

from lockstep.core.data.spec import BuiltinData, Data, GeneratedData
from lockstep.core.ground.numbers import columns_of, shape_of_numbers

TargetKind = Literal["classes", "values"]


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """`rows` in all parts together; `columns` of the inputs.

    With target "classes" the targets are class numbers below `outputs`; with "values" they are numbers in
    `outputs` columns. Inline targets count as values: only the loss says whether they are class numbers.
    """

    rows: int
    columns: int
    target: TargetKind
    outputs: int


@dataclass(frozen=True, kw_only=True)
class Builtin:
    """A data set that comes with Lockstep; `class_names` is empty where the targets are values."""

    shape: DataShape
    class_names: tuple[str, ...] = ()


def _classes(rows: int, columns: int, names: tuple[str, ...]) -> Builtin:
    shape = DataShape(rows=rows, columns=columns, target="classes", outputs=len(names))
    return Builtin(shape=shape, class_names=names)


BUILTINS = {
    "digits": _classes(1797, 64, tuple(str(digit) for digit in range(10))),
    "iris": _classes(150, 4, ("setosa", "versicolor", "virginica")),
    "wine": _classes(178, 13, ("class_0", "class_1", "class_2")),
    "breast_cancer": _classes(569, 30, ("malignant", "benign")),
    "diabetes": Builtin(shape=DataShape(rows=442, columns=10, target="values", outputs=1)),
}

_CURVES = ("line", "quadratic")
_DEFAULT_CLASSES = {"xor": 2, "moons": 2, "circles": 2, "spiral": 2, "blobs": 3, "yin_yang": 3}
FREE_CLASSES = ("spiral", "blobs")
"""The generators that make as many classes as one asks for."""


def classes_of(data: GeneratedData) -> int:
    """How many classes a generator makes; 0 where it makes values."""
    if data.generator in _CURVES:
        return 0
    if data.generator in FREE_CLASSES and data.classes is not None:
        return data.classes
    return _DEFAULT_CLASSES[data.generator]


def class_names_of(data: Data) -> tuple[str, ...] | None:
    """What each class number is called; None where the data have no names for them."""
    return (BUILTINS[data.builtin].class_names or None) if isinstance(data, BuiltinData) else None


def shape_of(data: Data) -> DataShape:
    """The shape of the data that a spec names."""
    if isinstance(data, BuiltinData):
        return BUILTINS[data.builtin].shape
    if isinstance(data, GeneratedData):
        if classes := classes_of(data):
            columns = 4 if data.generator == "yin_yang" else 2
            return DataShape(rows=data.size, columns=columns, target="classes", outputs=classes)
        return DataShape(rows=data.size, columns=1, target="values", outputs=1)
    rows = shape_of_numbers(data.inline.x)[0]
    columns, outputs = columns_of(data.inline.x), columns_of(data.inline.y)
    return DataShape(rows=rows, columns=columns, target="values", outputs=outputs)
