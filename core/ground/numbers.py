"""Nested lists of numbers in a spec: read at C speed, and where one is wrong, its place is named.

Pydantic would make one error per element and per branch of a union; here there is one, with a pointer to it.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from lockstep.core.ground.fields import refuse

MAX_ROWS = 1_000_000
MAX_COLUMNS = 100_000
MAX_AXES = 5

Nested = float | tuple[Any, ...]
"""A number, or numbers nested in rows of rows that are equally long at each level."""


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


def _depth(value: object, most: int) -> int:
    """How many levels of lists there are, by the first entry of each; no more than `most`."""
    depth = 0
    while depth < most and isinstance(value, (list, tuple)):
        depth += 1
        value = value[0] if value else None
    return depth


def _read(value: object, most: int) -> Nested:
    """A number, or lists of them nested at most `most` deep, equally long at each level."""
    depth = _depth(value, most)
    if isinstance(value, (list, tuple)) and _is_sound(value, depth):
        return _frozen(value, depth)
    return _level(value, "", depth)


def _frozen(value: Sequence[Any], depth: int) -> tuple[Nested, ...]:
    """Sound lists as tuples."""
    if depth == 1:
        return tuple(value)
    return tuple(map(tuple, value) if depth == 2 else (_frozen(item, depth - 1) for item in value))


def _level(value: object, pointer: str, depth: int) -> Nested:
    """Read with care what is not sound, or of unusual types: the first place that is wrong is refused."""
    if depth == 0:
        return _number(value, pointer)
    if not isinstance(value, (list, tuple)):
        message = f"expected a list as in the first row, got {came(value)}; put it in brackets"
        refuse("not_a_row", message, pointer)
    if not value:
        refuse("empty", "expected numbers, got an empty list; give at least one", pointer)
    rows = tuple(_level(item, f"{pointer}/{index}", depth - 1) for index, item in enumerate(value))
    expected = shape_of_numbers(rows[0])
    for index, row in enumerate(rows):
        if (got := shape_of_numbers(row)) != expected:
            refuse("ragged", _ragged(expected, got), f"{pointer}/{index}")
    return rows


def _ragged(expected: tuple[int, ...], got: tuple[int, ...]) -> str:
    if len(expected) == 1:
        wanted = f"expected {expected[0]} numbers as in the first row, got {got[0]}"
        return f"{wanted}; make all rows equally long"
    shapes = [" x ".join(map(str, shape)) for shape in (expected, got)]
    return f"expected {shapes[0]} numbers as in the first entry, got {shapes[1]}; make all entries alike"


def _is_sound(value: Sequence[Any], depth: int) -> bool:
    """Whether these are finite numbers in lists equally long at each level: the usual case, at C speed."""
    level: Sequence[Any] = value
    for _ in range(depth - 1):
        if not {list, tuple}.issuperset(map(type, level)) or len(set(map(len, level))) != 1:
            return False
        level = list(chain.from_iterable(level))
    return bool(level) and {int, float}.issuperset(map(type, level)) and _finite(level)


def _read_table(value: object) -> Nested:
    """Rows of a data set: (n,) or (n, columns)."""
    if not isinstance(value, (list, tuple)):
        refuse("not_a_list", f"expected a list of rows, got {came(value)}; write [[1, 2], [3, 4]]", "")
    if len(value) > MAX_ROWS:
        refuse("too_long", f"expected at most {MAX_ROWS} rows, got {len(value)}; train on a part of them", "")
    table = _read(value, 2)
    columns = columns_of(table)
    if columns > MAX_COLUMNS:
        refuse("too_long", f"expected at most {MAX_COLUMNS} columns, got {columns}; leave some out", "/0")
    return table


def _read_weights(value: object) -> Nested:
    """The values of one parameter."""
    return _read(value, MAX_AXES)


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
    "description": f"a number, or lists nested at most {MAX_AXES} deep, equally long at each level",
}

Table = Annotated[
    Nested, PlainValidator(_read_table), PlainSerializer(_as_it_is), WithJsonSchema(_TABLE_SCHEMA)
]
"""Rows of numbers: (n,) is one column, (n, columns) several. All finite, all rows equally long."""
Weights = Annotated[
    Nested, PlainValidator(_read_weights), PlainSerializer(_as_it_is), WithJsonSchema(_WEIGHTS_SCHEMA)
]
"""One parameter's values, in the shape of the state_dict."""
