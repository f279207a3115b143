"""Settings that are wrong, in words: what was expected, what came, and what to do."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

MAX_SHOWN = 60
"""Letters of a wrong value that are quoted."""
_KINDS: Mapping[type, str] = {int: "a whole number", float: "a number"}


def words_of(error: Mapping[str, Any], field: FieldInfo | None) -> str:
    """What one of pydantic's errors says of a setting; `field` is None for one of several together.

    A secret's value is in no message: what is checked of it is told by its own validator.
    """
    own = error.get("ctx", {}).get("error")
    if own is not None or field is None:
        return str(own or error["msg"])
    came = repr(error["input"])
    shown = came if len(came) <= MAX_SHOWN else f"{came[:MAX_SHOWN]}..."
    example = f"such as {field.default}" if field.default not in ("", None) else "or leave it out"
    return f"expected {_wanted(field)} ({field.description}), got {shown}; write one {example}"


def _wanted(field: FieldInfo) -> str:
    """What a setting takes."""
    kind: Any = field.annotation
    if kind in _KINDS:
        return " ".join((_KINDS[kind], *_bounds(field)))
    choices = get_args(kind)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    if any(getattr(each, "pattern", None) for each in field.metadata):
        return "nothing, or parts of a-z, A-Z, 0-9, ., _, ~ and - that each begin with a slash"
    return "a text that is not empty"


def _bounds(field: FieldInfo) -> Iterator[str]:
    for each in field.metadata:
        match each:
            case Ge():
                yield f"from {each.ge}"
            case Gt():
                yield f"above {each.gt}"
            case Le():
                yield (
                    f"to {each.le}"
                    if any(isinstance(one, Ge) for one in field.metadata)
                    else f"up to {each.le}"
                )
