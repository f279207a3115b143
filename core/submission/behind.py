"""What is wrong with a formula, or with layers, in a spec with keys that are missing or ill-formed.

A spec with an ill-formed key can't be read, so its parts can't be checked against each other. But a mistake
in a formula is one whatever the optimizer is: with something harmless in place of the keys at fault it is
found, and told at once instead of after the next try.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import SpecModel

Spec = TypeVar("Spec", bound=SpecModel)

_HARMLESS: Mapping[str, Any] = MappingProxyType(
    {
        "optimizer": {"type": "sgd"},
        "loss": "mse",
        "data": {"inline": {"x": [0], "y": [0]}},
        "start": {"x": 0},
        "target": 0,
    }
)
"""In place of keys that a spec can't do without; all others are left out."""
_LOOKED_AT = ("model", "objective", "expression", "start", "data", "loss")
_OF_A_FORMULA_ALONE = frozenset({"bad_expression", "reserved_name", "unused_parameter"})
_DEPENDENT = frozenset({"one_value_per_channel", "too_large", "nothing_counts"})
"""Codes that other keys have a part in: the batch size, the kind of number, the seed."""


def behind(
    raw: object,
    problems: Iterable[Problem],
    model: type[Spec],
    check: Callable[[Spec], Iterable[Problem]],
) -> tuple[Problem, ...]:
    """What `check` finds in a spec that is ill-formed as `problems` say, unless it may depend on them."""
    at_fault = {_first(problem.pointer) for problem in problems}
    if not isinstance(raw, Mapping) or "" in at_fault:
        return ()
    whole = {key: copy.copy(value) for key, value in raw.items() if key not in at_fault}
    whole |= {key: _HARMLESS[key] for key in at_fault if key in _HARMLESS}
    try:
        spec = model.model_validate(whole)
    except ValidationError:
        return ()
    found = tuple(problem for problem in check(spec) if _first(problem.pointer) in _LOOKED_AT)
    if at_fault & {"data", "loss"}:
        return tuple(problem for problem in found if problem.code in _OF_A_FORMULA_ALONE)
    if "start" in at_fault:
        return tuple(problem for problem in found if problem.code == "bad_expression")
    return tuple(
        problem
        for problem in found
        if _first(problem.pointer) not in at_fault and problem.code not in _DEPENDENT
    )


def _first(pointer: str) -> str:
    """The key of the spec that a pointer goes through."""
    return pointer.split("/")[1].replace("~1", "/").replace("~0", "~") if pointer else ""
