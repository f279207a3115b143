"""What pydantic found wrong, in the user's words: where, what was expected, what came, what to do."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lockstep.core.data.augmentations import AUGMENTATION_TAG, AUGMENTATIONS
from lockstep.core.data.spec import BuiltinData, GeneratedData, InlineData
from lockstep.core.ground.descriptions import descriptions_of
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import REFUSED
from lockstep.core.ground.numbers import came, shortened
from lockstep.core.losses.kinds import LOSS_TAGS
from lockstep.core.metrics.kinds import METRIC_TAGS
from lockstep.core.model.initializers import INITIALIZER_TAG, INITIALIZERS
from lockstep.core.model.layers import LAYER_TAG, LAYERS, LIST_TAG
from lockstep.core.model.spec import ExpressionModel, LayersModel
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.clipping import Clip
from lockstep.core.optim.kinds import OPTIMIZER_TAG
from lockstep.core.optim.penalty import Penalty
from lockstep.core.optim.schedules import SCHEDULE_TAG, SCHEDULES
from lockstep.core.spec.job import StartPoint, TrainSpec
from lockstep.core.spec.kept import CheckpointRules
from lockstep.core.spec.kinds import SPECS
from lockstep.core.spec.minimize import MinimizeSpec, MinimizeStop
from lockstep.core.spec.stop import LossBelow, StopRules
from lockstep.core.submission.problem_kinds import KIND_MESSAGES, listed, similar
from lockstep.core.submission.problem_types import TYPE_MESSAGES

MAX_PROBLEMS = 100
"""More than anybody reads; a list of a thousand bad layers is cut here."""

_JOB = '{"model": ..., "data": ..., "loss": ..., "optimizer": ...}'

Location = Sequence[str | int]
Details = Mapping[str, Any]
"""One of pydantic's errors: type, loc, msg, input, ctx."""

_TAGS: dict[str, type[BaseModel] | None] = {
    "<layers>": LayersModel,
    "<expression>": ExpressionModel,
    "<builtin>": BuiltinData,
    "<inline>": InlineData,
    "<generator>": GeneratedData,
    **LOSS_TAGS,
    **METRIC_TAGS,
    LIST_TAG: None,
    "<number>": None,
    "<auto>": None,
    "<rows>": None,
    "<full>": None,
    "<goal>": None,
    "<start>": None,
    "<start point>": StartPoint,
    "<goal of>": LossBelow,
    "<gain>": None,
    "<gain name>": None,
    **{LAYER_TAG.format(name): kind for name, kind in LAYERS.items()},
    **{OPTIMIZER_TAG.format(name): kind for name, kind in OPTIMIZERS.items()},
    **{AUGMENTATION_TAG.format(name): kind for name, kind in AUGMENTATIONS.items()},
    **{INITIALIZER_TAG.format(name): kind for name, kind in INITIALIZERS.items()},
    **{SCHEDULE_TAG.format(name): kind for name, kind in SCHEDULES.items()},
}
"""The branches of unions as they stand in pydantic's locations, and the model that each leads to."""
_RIVALS = (("layers", "expression"), ("builtin", "inline", "generator"))
"""Keys of which a model, or data, has exactly one."""
_OPTIMIZERS = tuple(OPTIMIZERS.values())
_PARTS: dict[type[BaseModel], dict[str, tuple[type[BaseModel], ...]]] = {
    TrainSpec: {
        "model": (LayersModel, ExpressionModel),
        "data": (BuiltinData, InlineData, GeneratedData),
        "clip": (Clip,),
        "penalty": (Penalty,),
        "optimizer": _OPTIMIZERS,
        "stop": (StopRules,),
        "schedule": tuple(SCHEDULES.values()),
        "checkpoints": (CheckpointRules,),
    },
    MinimizeSpec: {"optimizer": _OPTIMIZERS, "stop": (MinimizeStop,)},
}
"""The parts of a job, for keys that were written one level too high."""
_OWN_KEYS = frozenset({"metadata", "parameters", "initial_weights", "init", "start"})
"""What holds keys of the user's own choice, which may look like a tag."""


def problems_of(
    error: ValidationError | Sequence[Details], root: type[BaseModel] | None = None
) -> tuple[Problem, ...]:
    """One Problem for each thing that is wrong, at most MAX_PROBLEMS.

    `error` is pydantic's, or the list that FastAPI's RequestValidationError gives, whose locations begin with
    "body". `root` is the model that was read; with it, messages know the keys and what they are for.
    """
    if isinstance(error, ValidationError):
        found: Sequence[Details] = [dict(details) for details in error.errors(include_url=False)]
    else:
        found = [
            {**details, "loc": tuple(details["loc"])[1:]}
            if tuple(details["loc"])[:1] == ("body",)
            else details
            for details in error
        ]
    problems = (_problem(details, root) for details in found if not _is_echo(details))
    return tuple(islice(problems, MAX_PROBLEMS))


def pointer_to(parts: Sequence[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path. A key longer than any of ours is cut: nobody has to read it."""
    return "".join("/" + shortened(str(part), 200).replace("~", "~0").replace("/", "~1") for part in parts)


def _is_echo(details: Details) -> bool:
    """Whether this only follows from another error: a list of wrong items alone counts as too short."""
    if details["type"] != "too_short":
        return False
    value = details.get("input")
    return isinstance(value, (list, tuple)) and len(value) >= details["ctx"]["min_length"]


def _problem(details: Details, root: type[BaseModel] | None) -> Problem:
    location = tuple(details["loc"])
    if details["type"] == REFUSED:
        context = details["ctx"]
        return Problem(
            pointer=pointer_to(_written(location)) + context["at"],
            code=context["code"],
            message=context["message"],
        )
    if location[-1:] == ("[key]",):
        location = location[:-1]
    keeps_last = details["type"] == "extra_forbidden"
    code, message = _words(details, _owner(root, location), location)
    return Problem(pointer=pointer_to(_written(location, keeps_last)), code=code, message=message)


def _written(location: Location, keeps_last: bool = False) -> tuple[str | int, ...]:
    """The location without the names of union branches, which the user has not written."""
    kept: list[str | int] = []
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        own = (kept and kept[-1] in _OWN_KEYS) or (keeps_last and is_last)
        if own or part not in _TAGS:
            kept.append(part)
    return tuple(kept)


def _owner(root: type[BaseModel] | None, location: Location) -> type[BaseModel] | None:
    """The model whose key the last part of the location is, if it is one's."""
    owner = root
    for part in location[:-1]:
        if part in _TAGS:
            owner = _TAGS[str(part)]
            continue
        field = _fields(owner).get(str(part)) if owner else None
        annotation = field.annotation if field else None
        owner = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return owner


def _fields(owner: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the keys that the user writes."""
    return {field.alias or name: field for name, field in owner.model_fields.items()}


def _words(details: Details, owner: type[BaseModel] | None, location: Location) -> tuple[str, str]:
    """Code and message."""
    kind = details["type"]
    value = details.get("input")
    key = str(location[-1]) if location else ""
    if kind in KIND_MESSAGES:
        return "unknown_kind", KIND_MESSAGES[kind](value)
    if kind == "extra_forbidden":
        return "unknown_key", _unknown_key(key, owner)
    if kind == "missing" and location and isinstance(location[-1], int):
        return "missing", f"expected an entry at position {location[-1]}, got nothing; add it"
    if kind == "missing":
        return "missing", f'expected "{key}"{_purpose(owner, key)}, got nothing; add it'
    if not location and kind in ("model_type", "model_attributes_type"):
        return "wrong_type", f"expected an object such as {_JOB}, got {came(value)}; send one"
    if kind in TYPE_MESSAGES:
        code, words = TYPE_MESSAGES[kind]
        return code, words(value, details.get("ctx") or {})
    return kind, f"{details['msg']}; got {came(value)}"


def _purpose(owner: type[BaseModel] | None, key: str) -> str:
    if owner is None:
        return ""
    names = {field.alias or name: name for name, field in owner.model_fields.items()}
    text = descriptions_of(owner).get(names.get(key, key))
    return f" ({text})" if text else ""


def _unknown_key(key: str, owner: type[BaseModel] | None) -> str:
    if owner is None:
        return f'"{shortened(key)}" is not known here; take it out'
    known = list(_fields(owner))
    for rivals in _RIVALS:
        if key in rivals and (other := next((name for name in known if name in rivals), None)):
            return f'expected either "{other}" or "{key}", got both; take one of them out'
    guess = similar(key, known)
    hint = f'did you mean "{guess}"?' if guess else _other_place(key, owner) or "take it out"
    return f'"{shortened(key)}" is not known here; {hint} (known: {listed(known)})'


def _other_place(key: str, owner: type[BaseModel]) -> str | None:
    """Where a key of the root belongs: to a job of another kind, or to one of the job's parts."""
    for kind, spec in SPECS.items():
        if owner is TrainSpec and key in spec.model_fields and key != "expression":  # which a model may have
            return f'a job of the kind "{kind}" has it: set "kind"'
    for place, kinds in _PARTS.get(owner, {}).items():
        known = [name for kind in kinds for name in _fields(kind) if name not in ("type", *_fields(owner))]
        if guess := similar(key, known):
            return f'write "{guess}" inside "{place}"'
    return None
