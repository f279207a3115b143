"""Whether a model fits together, fits the data's columns, and fits the loss."""

from collections.abc import Iterator, Mapping

import numpy as np

from lockstep.core.data.shapes import DataShape
from lockstep.core.ground.errors import ExpressionError, Problem
from lockstep.core.ground.numbers import Nested
from lockstep.core.model.expression_syntax import RESERVED, Expr, is_identifier, parse_expression
from lockstep.core.model.graph import Graph
from lockstep.core.model.layers import walk
from lockstep.core.model.spec import ExpressionModel, LayersModel
from lockstep.core.spec.job import TrainSpec, default_dtype
from lockstep.core.submission.check_data import FLOAT32_MAX
from lockstep.core.submission.check_initializers import check_initializers
from lockstep.core.submission.check_optimizer import check_optimizer
from lockstep.core.submission.check_outputs import Outputs, check_outputs
from lockstep.core.submission.check_start import check_initial_weights
from lockstep.core.submission.check_tokens import check_tokens
from lockstep.core.submission.facts import Facts
from lockstep.core.submission.problems import pointer_to

MAX_PARAMETERS = 50_000_000
SERIES = ("loss", "learning_rate")
SERIES_OF_EPOCHS = ("epoch_", "train_", "validation_")
"""How the names of the series begin that are recorded when an epoch ends."""


def check_model(spec: TrainSpec, facts: Facts) -> Iterator[Problem]:
    """All problems of spec.model, with the data and the loss as given."""
    shape = facts.shape
    if isinstance(spec.model, ExpressionModel):
        yield from _check_expression(spec.model, shape)
        yield from _check_sizes(spec, "parameters", spec.model.parameters)
        yield from check_outputs(spec, facts, Outputs(shape=(1,), pointer="/model/expression"))
        return
    graph, problems = facts.assembled
    yield from problems
    if graph is not None and not problems:
        yield from _check_size(graph)
        yield from check_optimizer(spec.optimizer, graph.size)
        yield from check_initializers(spec.model, graph)
        yield from check_initial_weights(spec.model, graph)
        yield from check_tokens(spec, facts, graph)
        outputs = Outputs(shape=graph.output_shape, pointer=_place_of_outputs(spec.model))
        yield from check_outputs(spec, facts, outputs)
    yield from _check_sizes(spec, "initial_weights", spec.model.initial_weights or {})


def _place_of_outputs(model: LayersModel) -> str:
    """Where the number of the model's outputs is written, if one of its layers says it."""
    found = "/model/layers"
    for pointer, _, layer in walk(model.layers, "/model/layers"):
        if layer.width_key is not None:
            found = f"{pointer}/{layer.width_key}"
    return found


def _check_size(graph: Graph) -> Iterator[Problem]:
    if graph.size > MAX_PARAMETERS:
        yield Problem(
            pointer="/model/layers",
            code="too_many_parameters",
            message=f"expected at most {MAX_PARAMETERS} parameters, got {graph.size}; "
            "make the layers narrower",
        )


def _check_sizes(spec: TrainSpec, key: str, starts: Mapping[str, Nested]) -> Iterator[Problem]:
    """Whether the job's kind of number can hold where parameters start."""
    if (spec.dtype or default_dtype(spec)) != "float32":
        return
    for name, value in starts.items():
        largest = np.abs(np.asarray(value, dtype=np.float64)).max()
        if largest > FLOAT32_MAX:
            message = f'expected numbers that float32 can hold, got {largest:g}; set "dtype" to "float64"'
            yield Problem(pointer=pointer_to(("model", key, name)), code="too_large", message=message)


def _check_expression(model: ExpressionModel, shape: DataShape) -> Iterator[Problem]:
    wrong_names = [name for name in model.parameters if not is_identifier(name) or _is_series(name)]
    for name in wrong_names:
        reason = "a function or a constant" if name in RESERVED else "a word of Python's"
        if _is_series(name):
            reason = "the history's name for something else"
        free = f"my_{name}" if _is_series(name) else f"{name}1"
        yield Problem(
            pointer=pointer_to(("model", "parameters", name)),
            code="reserved_name",
            message=f'expected a free name, got "{name}", which is {reason}; rename it, as in "{free}"',
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


def _is_series(name: str) -> bool:
    """Whether a training records something else under this name; each parameter is a series of its own."""
    return name in SERIES or name.startswith(SERIES_OF_EPOCHS)


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
