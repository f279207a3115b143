"""Words for what pydantic itself checks: types, ranges, lengths, choices."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lockstep.core.data.builtins import BUILTINS
from lockstep.core.data.generators import GENERATORS
from lockstep.core.ground.fields import TEXT_PATTERN
from lockstep.core.ground.numbers import came
from lockstep.core.model.spec import NAME_PATTERN
from lockstep.core.spec.job import JOB_ID_PATTERN
from lockstep.core.submission.problem_kinds import similar

Context = Mapping[str, Any]
"""What pydantic says about an error beside its type, such as the limit."""


def wrong_choice(value: object, choices: Collection[str]) -> str:
    """For a text that is none of `choices`."""
    if isinstance(value, str) and value in GENERATORS and set(choices) == set(BUILTINS):
        return f'"{value}" is made by a generator; write {{"generator": "{value}"}}'
    if isinstance(value, str) and value in BUILTINS and set(choices) == set(GENERATORS):
        return f'"{value}" is a built-in data set; write {{"builtin": "{value}"}}'
    wanted = ", ".join(f'"{choice}"' for choice in choices)
    if len(choices) == 1:
        also = "a whole number or " if wanted == '"full"' else ""
        return f"expected {also}{wanted}, got {came(value)}; write {wanted}"
    guess = similar(value, choices) if isinstance(value, str) else None
    hint = f'did you mean "{guess}"?' if guess else "take one of these"
    return f"expected one of {wanted}, got {came(value)}; {hint}"


def _choice(value: object, context: Context) -> str:
    return wrong_choice(value, re.findall(r"'([^']*)'", context["expected"]))


def _is_quoted(text: str) -> bool:
    """Whether a text is a number or a truth value that was put in quotes."""
    if text in ("true", "false"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(wanted: str, otherwise: str) -> Callable[[object, Context], str]:
    def words(value: object, _: Context) -> str:
        hint = otherwise
        if isinstance(value, str) and _is_quoted(value):
            hint = "write it without quotes"
        elif value is None:
            hint = "give one, or leave the key out"
        return f"expected {wanted}, got {came(value)}; {hint}"

    return words


def _limited(side: str) -> Callable[[object, Context], str]:
    words_and_key = {
        "ge": ("of at least", "raise it"),
        "gt": ("above", "raise it"),
        "le": ("of at most", "lower it"),
        "lt": ("below", "lower it"),
    }
    relation, hint = words_and_key[side]

    def words(value: object, context: Context) -> str:
        limit = context[side]
        shown = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
        return f"expected a number {relation} {shown}, got {came(value)}; {hint}"

    return words


def _measured(relation: str, key: str, hint: str) -> Callable[[object, Context], str]:
    def words(value: object, context: Context) -> str:
        unit = ("character", "characters") if isinstance(value, str) else ("entry", "entries")
        length = len(value) if isinstance(value, (str, list, tuple, dict)) else context.get("actual_length")
        return f"expected {relation} {context[key]} {unit[context[key] != 1]}, got {length}; {hint}"

    return words


def _pattern(value: object, context: Context) -> str:
    if context["pattern"] == NAME_PATTERN:
        wanted, hint = "a name of the letters a to z, digits and _, no digit first", "rename it"
    elif context["pattern"] == JOB_ID_PATTERN:
        wanted, hint = "a job's id such as job_01k9zq", "GET /v1/jobs lists them"
    elif context["pattern"] == TEXT_PATTERN:
        wanted, hint = "a text without control characters", "take out line breaks and the like"
    else:
        wanted, hint = f"a text of the form {context['pattern']}", "write it so"
    return f"expected {wanted}, got {came(value)}; {hint}"


_WHOLE = ("wrong_type", _typed("a whole number", "write one such as 3"))
_NUMBER = ("wrong_type", _typed("a number", "write one such as 0.5"))
_OBJECT = ("wrong_type", _typed("an object", "put its keys in braces: {...}"))
_LIST = ("wrong_type", _typed("a list", "put it in brackets"))
_TEXT = ("wrong_type", _typed("a text", "put it in quotes"))
_MANY = ("too_long", _measured("at most", "max_length", "shorten it"))
_FEW = ("too_short", _measured("at least", "min_length", "add some"))

TYPE_MESSAGES: dict[str, tuple[str, Callable[[object, Context], str]]] = {
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": ("wrong_type", _typed("a finite number", "write a number that is not NaN or infinite")),
    "bool_type": ("wrong_type", _typed("true or false", "write true or false")),
    "string_type": _TEXT,
    "string_unicode": ("bad_text", _typed("a text of valid Unicode", "take the broken characters out")),
    "string_pattern_mismatch": ("bad_text", _pattern),
    "literal_error": ("unknown_value", _choice),
    "greater_than_equal": ("out_of_range", _limited("ge")),
    "greater_than": ("out_of_range", _limited("gt")),
    "less_than_equal": ("out_of_range", _limited("le")),
    "less_than": ("out_of_range", _limited("lt")),
    "too_long": _MANY,
    "string_too_long": _MANY,
    "too_short": _FEW,
    "string_too_short": _FEW,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "tuple_type": _LIST,
    "list_type": _LIST,
}
"""From pydantic's type of an error to our code and the words for it."""
