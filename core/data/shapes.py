"""How large a data set is and what its targets are, known without building it."""

from dataclasses import dataclass
from typing import Literal

from lockstep.core.data.builtins import BUILTINS
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


def class_names_of(data: Data) -> tuple[str, ...] | None:
    """What each class number is called; None where the data have no names for them."""
    return (tuple(BUILTINS[data.builtin].class_names) or None) if isinstance(data, BuiltinData) else None


def shape_of(data: Data) -> DataShape:
    """The shape of the data that a spec names."""
    if isinstance(data, BuiltinData):
        builtin = BUILTINS[data.builtin]
        return _shape(builtin.rows, builtin.columns, len(builtin.class_names))
    if isinstance(data, GeneratedData):
        return _shape(data.size, data.kind.columns, data.class_count)
    rows = shape_of_numbers(data.inline.x)[0]
    columns, outputs = columns_of(data.inline.x), columns_of(data.inline.y)
    return DataShape(rows=rows, columns=columns, target="values", outputs=outputs)


def _shape(rows: int, columns: int, classes: int) -> DataShape:
    """Of data with this many classes; 0 for one column of values."""
    target: TargetKind = "classes" if classes else "values"
    return DataShape(rows=rows, columns=columns, target=target, outputs=classes or 1)
