"""The shapes of the answers about a spec that is only checked, for OpenAPI."""

from typing import Literal

from pydantic import JsonValue

from lockstep.service.api.models import Answer, Number


class ComparedElement(Answer):
    """One element of a parameter: the gradient, and the difference quotient of the loss."""

    index: list[int]
    gradient: Number
    difference: Number
    relative_error: Number


class CheckedParameter(Answer):
    """The check of one parameter."""

    name: str
    shape: list[int]
    checked: int
    """elements that were compared"""
    passed: bool
    """whether all of them agree; false where none was compared"""
    worst: ComparedElement | None
    at_kinks: int
    """elements at a kink of the loss (a relu at 0), where there is no derivative to compare with"""
    kinks: list[ComparedElement]


class GradientCheck(Answer):
    """The model's gradient against differences of its loss, on some rows of its data in float64."""

    passed: bool
    """whether all parameters have passed"""
    complete: bool
    """false where time ran out before all chosen elements were compared"""
    loss: Number
    rows: int
    tolerance: float
    parameters: list[CheckedParameter]


class Validation(Answer):
    """A spec that is fine, with all defaults filled in; `seed` is null where it would be drawn."""

    object: Literal["job.validation"]
    valid: Literal[True]
    steps: int
    """the most that can come"""
    spec: dict[str, JsonValue]
    gradient_check: GradientCheck | None = None
    """with gradcheck=true"""
