"""Every word of the specs: the keys of their models, and the values that a key has a list of."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from benchmarks.bits.core import FUNCTIONS, SPECS, parse_job

Word = tuple[str, ...]
"""(model, key), or (model, key, value); ("function", name) of a formula."""
NEVER = frozenset({("MinimizeSpec", "workers"), ("SolveSpec", "workers")})
"""Keys that have but one value."""


def missing(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The words that no spec has, as a person reads them."""
    there = {word for spec in specs for word in _words_in(parse_job(spec))}
    return [".".join(word) for word in sorted(set(_all_words()) - there - NEVER)]


def _all_words() -> Iterator[Word]:
    models: dict[type[BaseModel], None] = {}
    for spec in SPECS.values():
        _gather(spec, models)
    for model in models:
        for key, field in model.model_fields.items():
            yield (model.__name__, key)
            yield from ((model.__name__, key, str(value)) for value in _choices(field.annotation))
    yield from (("function", name) for name in FUNCTIONS)


def _gather(hint: Any, models: dict[type[BaseModel], None]) -> None:
    """Add all models that an annotation leads to."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint not in models:
            models[hint] = None
            for field in hint.model_fields.values():
                _gather(field.annotation, models)
        return
    for part in get_args(hint):
        _gather(part, models)


def _choices(hint: Any) -> Iterator[object]:
    """The values that an annotation lists, both of a truth value; not those of models in it."""
    if hint is bool:
        yield from (False, True)
    origin = get_origin(hint)
    if origin is Literal:
        yield from get_args(hint)
    elif origin in (Annotated, Union, types.UnionType, tuple):
        for part in get_args(hint):
            yield from _choices(part)


def _words_in(value: object) -> Iterator[Word]:
    """Those that a user has written, and the values that hold where none was."""
    if isinstance(value, BaseModel):
        model = type(value).__name__
        for key in type(value).model_fields:
            held = getattr(value, key)
            if key in value.model_fields_set:
                yield (model, key)
            if isinstance(held, str | bool | int):
                yield (model, key, str(held))
            if key in ("expression", "objective"):
                yield from (("function", name) for name in FUNCTIONS if f"{name}(" in held)
            yield from _words_in(held)
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from _words_in(held)
    elif isinstance(value, tuple):
        for held in value:
            yield from _words_in(held)
