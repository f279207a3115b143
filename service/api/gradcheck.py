"""The gradient check of a submitted job, as part of its validation."""

import time

from lockstep.core.data.spec import BuiltinData, Data, GeneratedData
from lockstep.core.explain.gradcheck import TOLERANCE, Element, ParameterCheck, check_gradients
from lockstep.core.ground.errors import InvalidData
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.service.api.validation_models import CheckedParameter, ComparedElement, GradientCheck
from lockstep.service.errors import unprocessable

MAX_SECONDS = 5.0
MAX_KINKS_SHOWN = 10


def require_checkable(spec: AnyResolvedSpec, *, validate_only: bool) -> None:
    """Refuse a check where a job would be made, and of jobs that have no model."""
    if not validate_only:
        message = "gradcheck: expected validate_only=true with it, because the check makes no job; add that"
        raise unprocessable("/query/gradcheck", "not_validating", message)
    if not isinstance(spec, ResolvedSpec):
        message = f'gradcheck: expected a job of the kind "train", got "{spec.kind}"; take the parameter away'
        raise unprocessable("/kind", "not_a_training", message)


def checked_gradients(spec: AnyResolvedSpec) -> GradientCheck:
    """The check; it ends after MAX_SECONDS, complete or not."""
    if not isinstance(spec, ResolvedSpec):
        raise TypeError(f"expected a training, got {spec.kind}")
    until = time.monotonic() + MAX_SECONDS
    try:
        check = check_gradients(spec, lambda: time.monotonic() > until)
    except InvalidData as error:
        raise unprocessable(_place_of_inputs(spec.data), "invalid_data", str(error)) from error
    return {
        "passed": check.passed,
        "complete": check.complete,
        "loss": check.loss,
        "rows": check.rows,
        "tolerance": TOLERANCE,
        "parameters": [_parameter(each) for each in check.parameters],
    }


def _place_of_inputs(data: Data) -> str:
    """Where a body names the inputs."""
    match data:
        case BuiltinData():
            return "/data/builtin"
        case GeneratedData():
            return "/data/generator"
    return "/data/inline/x"


def _parameter(check: ParameterCheck) -> CheckedParameter:
    return {
        "name": check.name,
        "shape": list(check.shape),
        "checked": check.checked,
        "passed": check.passed,
        "worst": None if check.worst is None else _element(check.worst),
        "at_kinks": len(check.at_kinks),
        "kinks": [_element(each) for each in check.at_kinks[:MAX_KINKS_SHOWN]],
    }


def _element(element: Element) -> ComparedElement:
    return {
        "index": list(element.index),
        "gradient": element.gradient,
        "difference": element.difference,
        "relative_error": element.relative_error,
    }
