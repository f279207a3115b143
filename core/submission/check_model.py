"""Whether a model fits together, fits the data's columns, and fits the loss."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core.data.shapes import DataShape, shape_of
from core.errors import ExpressionError, Problem
from core.expression_syntax import RESERVED, Expr, is_identifier, parse_expression
from core.spec.data import InlineData
from core.spec.job import TrainSpec, default_dtype
from core.spec.layers import ExpressionModel, LayersModel, Linear, walk_layers
from core.spec.numbers import Nested, shape_of_numbers
from core.submission.check_data import FLOAT32_MAX, largest_class
from core.submission.problems import pointer_to

MAX_PARAMETERS = 50_000_000


def check_model(spec: TrainSpec) -> Iterator[Problem]:
    """All problems of spec.model, with the data and the loss as given."""
    shape = shape_of(spec.data)
    if isinstance(spec.model, ExpressionModel):
        yield from _check_expression(spec.model, shape)
        yield from _check_sizes(spec, "parameters", spec.model.parameters)
        yield from _check_outputs(spec, shape, 1, "/model/expression")
        return
    yield from _check_layers(spec.model, shape)
    yield from _check_initial_weights(spec.model)
    yield from _check_sizes(spec, "initial_weights", spec.model.initial_weights or {})
    last = _last_linear(spec.model)
    if last is not None:
        yield from _check_outputs(spec, shape, last.outputs, last.pointer)


@dataclass(frozen=True, kw_only=True)
class _Last:
    """The linear layer that fixes the model's output."""

    pointer: str
    outputs: int


def _last_linear(model: LayersModel) -> _Last | None:
    last = None
    for pointer, _, layer in walk_layers(model):
        if isinstance(layer, Linear):
            last = _Last(pointer=f"{pointer}/out", outputs=layer.outputs)
    return last


def _check_layers(model: LayersModel, shape: DataShape) -> Iterator[Problem]:
    width, source = shape.columns, "the data has {} columns"
    size = 0
    for pointer, name, layer in walk_layers(model):
        if not isinstance(layer, Linear):
            continue
        if layer.inputs != width:
            came_from = (
                source.format(width) if width != 1 else source.format(width).replace("columns", "column")
            )
            yield Problem(
                pointer=f"{pointer}/in",
                code="width_mismatch",
                message=f'expected {width}, because {came_from}, got {layer.inputs}; set "in" to {width}',
            )
        width, source = layer.outputs, f'layer "{name}" gives {{}} numbers'
        size += layer.inputs * layer.outputs + layer.outputs * layer.bias
    if size == 0:
        yield Problem(
            pointer="/model/layers",
            code="nothing_to_learn",
            message="expected a layer with weights, got none that learns; add a linear layer",
        )
    if size > MAX_PARAMETERS:
        yield Problem(
            pointer="/model/layers",
            code="too_many_parameters",
            message=f"expected at most {MAX_PARAMETERS} parameters, got {size}; make the layers narrower",
        )


def _check_initial_weights(model: LayersModel) -> Iterator[Problem]:
    shapes: dict[str, tuple[int, ...]] = {}
    for _, name, layer in walk_layers(model):
        if isinstance(layer, Linear):
            shapes[f"{name}.weight"] = (layer.outputs, layer.inputs)
            if layer.bias:
                shapes[f"{name}.bias"] = (layer.outputs,)
    for name, value in (model.initial_weights or {}).items():
        pointer = pointer_to(("model", "initial_weights", name))
        if name not in shapes:
            known = ", ".join(list(shapes)[:20])
            message = f"expected names of this model's parameters ({known}), got another; rename it"
            yield Problem(pointer=pointer, code="unknown_parameter", message=message)
        elif shape_of_numbers(value) != shapes[name]:
            wanted, got = _shown(shapes[name]), _shown(shape_of_numbers(value))
            hint = "weights are (out, in), as in PyTorch" if name.endswith("weight") else "biases are (out,)"
            message = f"expected the shape {wanted}, got {got}; {hint}"
            yield Problem(pointer=pointer, code="wrong_shape", message=message)


def _check_sizes(spec: TrainSpec, key: str, starts: Mapping[str, Nested]) -> Iterator[Problem]:
    """Whether the job's kind of number can hold where parameters start."""
    if (spec.dtype or default_dtype(spec)) != "float32":
        return
    for name, value in starts.items():
        largest = np.abs(np.asarray(value, dtype=np.float64)).max()
        if largest > FLOAT32_MAX:
            message = f'expected numbers that float32 can hold, got {largest:g}; set "dtype" to "float64"'
            yield Problem(pointer=pointer_to(("model", key, name)), code="too_large", message=message)


def _shown(shape: tuple[int, ...]) -> str:
    return (
        "of one number"
        if not shape
        else "(" + ", ".join(map(str, shape)) + (",)" if len(shape) == 1 else ")")
    )


def _check_expression(model: ExpressionModel, shape: DataShape) -> Iterator[Problem]:
    wrong_names = [name for name in model.parameters if not is_identifier(name)]
    for name in wrong_names:
        reason = "a function or a constant" if name in RESERVED else "a word of Python's"
        yield Problem(
            pointer=pointer_to(("model", "parameters", name)),
            code="reserved_name",
            message=f'expected a free name, got "{name}", which is {reason}; rename it, as in "{name}1"',
        )
    if wrong_names:
        return
    try:
        expression = parse_expression(model.expression, model.parameters)
    except ExpressionError as error:
        message = f"column {error.column}: {error.message}"
        yield Problem(pointer="/model/expression", code="bad_expression", message=message)
        return
    yield from _check_names(model, expression, shape)


def _check_names(model: ExpressionModel, expression: Expr, shape: DataShape) -> Iterator[Problem]:
    for name in model.parameters:
        if name not in expression.parameters:
            yield Problem(
                pointer=pointer_to(("model", "parameters", name)),
                code="unused_parameter",
                message=f'expected "{name}" in the expression, got none of it; use it or take it out',
            )
    if len(expression.inputs) != shape.columns:
        inputs = ", ".join(expression.inputs) or "none"
        columns = f"{shape.columns} column{'s' if shape.columns != 1 else ''}"
        came = f"{len(expression.inputs)} ({inputs})"
        yield Problem(
            pointer="/model/expression",
            code="inputs_mismatch",
            message=f"expected one input for each of the data's {columns}, got {came}; "
            'names that are no inputs belong under "parameters"',
        )


def _check_outputs(spec: TrainSpec, shape: DataShape, outputs: int, pointer: str) -> Iterator[Problem]:
    """Whether the model's outputs fit the loss and the targets."""
    wanted = _wanted_outputs(spec, shape, outputs)
    if wanted is None or wanted.outputs == outputs:
        return
    hint = f'set "out" to {wanted.outputs}'
    if isinstance(spec.model, ExpressionModel):
        hint = "an expression gives one number"
        if spec.loss.type == "cross_entropy":
            hint += "; take " + (
                "binary_cross_entropy" if wanted.outputs == 2 else "layers for several classes"
            )
    expected = f"{wanted.outputs} output{'s' if wanted.outputs > 1 else ''}"
    message = f"expected {expected}, because {wanted.reason}, got {outputs}; {hint}"
    yield Problem(pointer=pointer, code="output_mismatch", message=message)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """How many outputs a model should have, and why."""

    outputs: int
    reason: str


def _wanted_outputs(spec: TrainSpec, shape: DataShape, outputs: int) -> _Wanted | None:
    """What loss and targets ask for; None where these two do not fit, which is told elsewhere."""
    if spec.loss.type == "cross_entropy":
        return _wanted_for_classes(spec, shape, outputs)
    if shape.target == "values":
        columns = f"{shape.outputs} column{'s' if shape.outputs > 1 else ''}"
        return _Wanted(outputs=shape.outputs, reason=f"the targets have {columns}")
    if shape.outputs == 2:
        reason = f"{spec.loss.type} compares one number for each row with the class, 0 or 1"
        return _Wanted(outputs=1, reason=reason)
    return None


def _wanted_for_classes(spec: TrainSpec, shape: DataShape, outputs: int) -> _Wanted | None:
    """Under cross_entropy. Inline data may show fewer classes than there are: more outputs are fine."""
    if not isinstance(spec.data, InlineData):
        reason = f"the data has {shape.outputs} classes"
        return _Wanted(outputs=shape.outputs, reason=reason) if shape.target == "classes" else None
    largest = largest_class(spec.data)
    if largest is None:
        return None
    if max(largest, outputs - 1) == 0:
        return _Wanted(outputs=2, reason="cross_entropy chooses between two classes or more")
    return _Wanted(outputs=max(outputs, largest + 1), reason=f"the class numbers in y go up to {largest}")
