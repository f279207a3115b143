"""JSON that a user hands to a command: read strictly, and refused in words."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

MAX_DIGITS = 4300  # Python's own limit of a whole number's length in text
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class NotJson(Exception):
    """Not JSON; the message goes on from the file's name."""


def parse_json(data: bytes) -> Any:
    """The value in UTF-8 text, with or without a byte order mark.

    Raises NotJson, for NaN, 1e999 and a key that stands twice too.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = " but in UTF-16; save it as UTF-8" if data.startswith(_UTF_16) else f" (byte {error.start})"
        raise NotJson(f"is not text in UTF-8{hint}") from error
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise NotJson("has too many brackets inside each other") from error
    except ValueError as error:
        raise NotJson(f"holds a whole number of more than {MAX_DIGITS:,} digits") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        key = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise NotJson(f"holds the key {key[:80]!r} twice in one object; keep one of them")
    return found


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"is not JSON: it holds {constant}, and JSON has finite numbers only")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotJson(f"holds {text[:40]}, which is beyond the largest number, 1.8e308")
    return value
