"""Nested lists of numbers in a spec: read at C speed, and where one is wrong, its place is named.

Pydantic would make one error per element and per branch of a union; here there is one, with a pointer to it.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated, TypeGuard

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from core.spec.base import refuse

MAX_ROWS = 1_000_000
MAX_COLUMNS = 100_000

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]
Nested = float | Vector | Matrix
"""A number, a row of them, or equally long rows."""


def shape_of_numbers(value: Nested) -> tuple[int, ...]:
    """The lengths along each level: () for a number, (3,) for three of them, (3, 2) for three pairs."""
    shape: list[int] = []
    while isinstance(value, tuple):
        shape.append(len(value))
        value = value[0] if value else 0.0
    return tuple(shape)


def columns_of(table: Nested) -> int:
    """How many columns rows have; a flat list is one column."""
    shape = shape_of_numbers(table)
    return shape[1] if len(shape) == 2 else 1


def came(value: object) -> str:
    """What came, in the user's words and short."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'the text "{shortened(value)}"'
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
        case dict():
            keys = ", ".join(f'"{shortened(str(key), 20)}"' for key in list(value)[:4])
            return f"an object with {keys}{', ...' if len(value) > 4 else ''}" if value else "an empty object"
        case int() if abs(value) >= 10**30:
            return "a number of more than 30 digits"
    return shortened(str(value))


def shortened(text: str, limit: int = 40) -> str:
    """`text` without characters that can't be shown or stored, cut at `limit`."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _number(value: object, pointer: str) -> float:
    """A finite number, whole ones as they came."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        hint = "take out the inner brackets" if isinstance(value, list) else "write it as a plain number"
        refuse("not_a_number", f"expected a number, got {came(value)}; {hint}", pointer)
    if not _finite((value,)):
        hint = "give a finite one, or leave the row out"
        refuse("not_finite", f"expected a finite number, got {came(value)}; {hint}", pointer)
    return value


def _finite(values: Iterable[float]) -> bool:
    try:
        return all(map(math.isfinite, values))
    except OverflowError:
        return False


def _row(value: object, pointer: str) -> Vector:
    """A list of numbers, not empty."""
    if not isinstance(value, (list, tuple)):
        refuse(
            "not_a_row",
            f"expected a list as in the first row, got {came(value)}; put it in brackets",
            pointer,
        )
    if not value:
        refuse("empty", "expected numbers, got an empty list; give at least one", pointer)
    if {int, float}.issuperset(map(type, value)) and _finite(value):
        return tuple(value)
    return tuple(_number(item, f"{pointer}/{index}") for index, item in enumerate(value))


def _read(value: object) -> Nested:
    """A number, numbers in a row, or rows of equal length."""
    if not isinstance(value, (list, tuple)):
        return _number(value, "")
    if not value or not isinstance(value[0], (list, tuple)):
        return _row(value, "")
    if _is_sound(value):
        return tuple(map(tuple, value))
    rows = [_row(row, f"/{index}") for index, row in enumerate(value)]
    expected = len(rows[0])
    uneven = next(index for index, row in enumerate(rows) if len(row) != expected)
    got = len(rows[uneven])
    message = f"expected {expected} numbers as in the first row, got {got}; make all rows equally long"
    refuse("ragged", message, f"/{uneven}")


def _is_sound(rows: Sequence[object]) -> TypeGuard[Sequence[Sequence[float]]]:
    """Whether these are equally long lists of finite numbers: the usual case, told without a loop."""
    if not {list, tuple}.issuperset(map(type, rows)):
        return False
    lists = [row for row in rows if isinstance(row, (list, tuple))]
    lengths = set(map(len, lists))
    if len(lengths) != 1 or lengths == {0}:
        return False
    kinds = set(map(type, chain.from_iterable(lists)))
    return {int, float}.issuperset(kinds) and _finite(chain.from_iterable(lists))


def _read_table(value: object) -> Nested:
    """Rows of a data set: (n,) or (n, columns)."""
    if not isinstance(value, (list, tuple)):
        refuse("not_a_list", f"expected a list of rows, got {came(value)}; write [[1, 2], [3, 4]]", "")
    if len(value) > MAX_ROWS:
        refuse("too_long", f"expected at most {MAX_ROWS} rows, got {len(value)}; train on a part of them", "")
    table = _read(value)
    columns = columns_of(table)
    if columns > MAX_COLUMNS:
        refuse("too_long", f"expected at most {MAX_COLUMNS} columns, got {columns}; leave some out", "/0")
    return table


def _as_it_is(value: Nested) -> Nested:
    return value


_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_TABLE_SCHEMA = {
    "anyOf": [
        _NUMBERS | {"maxItems": MAX_ROWS},
        {
            "type": "array",
            "items": _NUMBERS | {"maxItems": MAX_COLUMNS},
            "minItems": 1,
            "maxItems": MAX_ROWS,
        },
    ],
}
_WEIGHTS_SCHEMA = {
    "anyOf": [{"type": "number"}, {"type": "array", "items": {}}],
    "description": "a number, or lists of numbers nested 2 deep at most; rows equally long",
}

Table = Annotated[
    Nested, PlainValidator(_read_table), PlainSerializer(_as_it_is), WithJsonSchema(_TABLE_SCHEMA)
]
"""Rows of numbers: (n,) is one column, (n, columns) several. All finite, all rows equally long."""
Weights = Annotated[
    Nested, PlainValidator(_read), PlainSerializer(_as_it_is), WithJsonSchema(_WEIGHTS_SCHEMA)
]
"""One parameter's values, in the shape of the state_dict."""
