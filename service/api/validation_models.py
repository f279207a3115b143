"""The shapes of the answers about a spec that is only checked."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired

from pydantic import JsonValue
from typing_extensions import TypedDict

from lockstep.service.api.models import Number, answer


@answer
class ComparedElement(TypedDict):
    """One element of a parameter: the gradient, and the difference quotient of the loss."""

    index: Sequence[int]
    gradient: Number
    difference: Number
    relative_error: Number


@answer
class CheckedParameter(TypedDict):
    """The check of one parameter."""

    name: str
    shape: Sequence[int]
    checked: int
    """elements that were compared"""
    passed: bool
    """whether all of them agree; false where none was compared"""
    worst: ComparedElement | None
    at_kinks: int
    """elements at a kink of the loss (a relu at 0), where there is no derivative to compare with"""
    kinks: Sequence[ComparedElement]


@answer
class GradientCheck(TypedDict):
    """The model's gradient against differences of its loss, on some rows of its data in float64."""

    passed: bool
    """whether all parameters have passed"""
    complete: bool
    """false where time ran out before all chosen elements were compared"""
    loss: Number
    rows: int
    tolerance: float
    parameters: Sequence[CheckedParameter]


@answer
class Validation(TypedDict):
    """A spec that is fine, with all defaults filled in; `seed` is null where it would be drawn."""

    object: Literal["job.validation"]
    valid: Literal[True]
    steps: int
    """the most that can come"""
    spec: Mapping[str, JsonValue]
    gradient_check: NotRequired[GradientCheck | None]
    """with gradcheck=true"""
