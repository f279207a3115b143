"""Whether what the model gives fits the targets, the loss's settings and the metrics."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lockstep.core.data.shapes import DataShape
from lockstep.core.data.spec import InlineData
from lockstep.core.ground.errors import Problem
from lockstep.core.losses import loss_of
from lockstep.core.losses.kinds import FOR_QUESTIONS
from lockstep.core.metrics import metric_of, tally_of
from lockstep.core.model.layers import walk
from lockstep.core.model.spec import ExpressionModel, LayersModel
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.check_counted import check_counted
from lockstep.core.submission.check_targets import check_targets, first_bad, largest_class
from lockstep.core.submission.facts import Facts


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a model gives: `shape` for one row, and `pointer`, where the spec says how many numbers."""

    shape: tuple[int, ...]
    pointer: str

    @property
    def classes(self) -> int:
        """The length of the last axis: for a loss of classes their number."""
        return self.shape[-1]

    @property
    def places(self) -> int:
        """How many class numbers a row has."""
        return math.prod(self.shape[:-1])


def check_outputs(spec: TrainSpec, facts: Facts, outputs: Outputs) -> Iterator[Problem]:
    """All problems of a model that fits together in itself."""
    misfits = tuple(_check_number(spec, facts, outputs)) + tuple(_check_places(spec, outputs))
    yield from misfits
    if not misfits:
        yield from _check_weights(spec, outputs)
        yield from check_counted(spec, facts)
        yield from _check_logs(spec)
        yield from _check_rows(spec, facts, outputs)
    yield from _check_metrics(spec, outputs)


def _check_number(spec: TrainSpec, facts: Facts, outputs: Outputs) -> Iterator[Problem]:
    """Whether there are as many outputs as loss and targets ask for."""
    of_classes = loss_of(spec.loss).targets.are_classes
    got = outputs.classes if of_classes else math.prod(outputs.shape)
    wanted = _wanted_for_classes(spec, facts, got) if of_classes else _wanted(spec, facts.shape)
    if wanted is None or wanted.outputs == got:
        return
    hint = f'set "out" to {wanted.outputs}'
    if len(outputs.shape) > 1:
        hint = f"the model gives {list(outputs.shape)} for each row"
    if isinstance(spec.model, ExpressionModel):
        hint = "an expression gives one number"
        if of_classes:
            hint += f"; take {FOR_QUESTIONS if wanted.outputs == 2 else 'layers for several classes'}"
    expected = f"{wanted.outputs} output{'s' if wanted.outputs > 1 else ''}"
    message = f"expected {expected}, because {wanted.reason}, got {got}; {hint}"
    yield Problem(pointer=outputs.pointer, code="output_mismatch", message=message)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """How many outputs a model should have, and why."""

    outputs: int
    reason: str


def _wanted(spec: TrainSpec, data: DataShape) -> _Wanted | None:
    """What loss and targets ask for; None where these two do not fit, which is told elsewhere."""
    if data.target == "values":
        columns = f"{data.outputs} column{'s' if data.outputs > 1 else ''}"
        return _Wanted(outputs=data.outputs, reason=f"the targets have {columns}")
    if data.outputs == 2:
        reason = f"{spec.loss.type} compares one number for each row with the class, 0 or 1"
        return _Wanted(outputs=1, reason=reason)
    return None


def _wanted_for_classes(spec: TrainSpec, facts: Facts, outputs: int) -> _Wanted | None:
    """Under a loss of classes. Inline data may show fewer classes than there are: more outputs are fine."""
    if not isinstance(spec.data, InlineData):
        shape = facts.shape
        reason = f"the data has {shape.outputs} classes"
        return _Wanted(outputs=shape.outputs, reason=reason) if shape.target == "classes" else None
    largest = largest_class(spec.loss, facts.targets)
    if largest is None:
        return None
    if max(largest, outputs - 1) == 0:
        return _Wanted(outputs=2, reason=f"{spec.loss.type} chooses between two classes or more")
    return _Wanted(outputs=max(outputs, largest + 1), reason=f"the class numbers in y go up to {largest}")


def _check_places(spec: TrainSpec, outputs: Outputs) -> Iterator[Problem]:
    """Whether there are as many class numbers for each row as the model gives classes for."""
    if not loss_of(spec.loss).targets.are_classes:
        return
    y = np.shape(spec.data.inline.y) if isinstance(spec.data, InlineData) else ()
    columns = y[1] if len(y) == 2 else 1
    if columns == outputs.places:
        return
    if outputs.places == 1:
        message = (
            f"expected one class number for each row with {spec.loss.type}, got {columns} numbers; "
            "write 2 for [0, 0, 1], or take binary_cross_entropy"
        )
        yield Problem(pointer="/data/inline/y", code="not_class_numbers", message=message)
        return
    message = (
        f"expected {outputs.places} class numbers for each row, because the model gives "
        f"{list(outputs.shape)} for each, got {columns}; give as many, or let the model give one row"
    )
    pointer = "/data/inline/y" if isinstance(spec.data, InlineData) else outputs.pointer
    yield Problem(pointer=pointer, code="not_class_numbers", message=message)


def _check_weights(spec: TrainSpec, outputs: Outputs) -> Iterator[Problem]:
    """Whether there is a weight for each class, or output."""
    weights = loss_of(spec.loss).weights
    if weights is None:
        return
    count = len(weights.values)
    if count != outputs.classes:
        message = (
            f"expected {outputs.classes} numbers, one for each {weights.each}, got {count}; "
            "add or remove some"
        )
        yield Problem(pointer=f"/loss/{weights.key}", code="wrong_length", message=message)
    elif weights.each == "class" and not any(weights.values):
        message = "expected a weight above 0, got zeros alone; then no target counts"
        yield Problem(pointer=f"/loss/{weights.key}", code="nothing_counts", message=message)


def _check_logs(spec: TrainSpec) -> Iterator[Problem]:
    """Whether a loss of log-probabilities gets them: for other numbers it has no lowest value."""
    loss = loss_of(spec.loss)
    if not loss.reading.of_logs or not isinstance(spec.model, LayersModel):
        return
    layers = [(pointer, layer) for pointer, _, layer in walk(spec.model.layers, "/model/layers")]
    pointer, last = next((pair for pair in reversed(layers) if not pair[1].keeps_numbers), layers[-1])
    if not last.gives_logs:
        other = f", or take {loss.other}" if loss.other else ""
        message = (
            f"expected log-probabilities for {loss.name}, that is log_softmax as the last layer, got "
            f'another; append {{"type": "log_softmax"}}{other}'
        )
        yield Problem(pointer=pointer, code="no_log_probabilities", message=message)


def _check_rows(spec: TrainSpec, facts: Facts, outputs: Outputs) -> Iterator[Problem]:
    """Whether the targets of each row are together what the loss takes."""
    if not isinstance(spec.data, InlineData) or loss_of(spec.loss).targets.are_classes:
        return
    y = facts.targets
    if any(check_targets(spec.loss, y)):
        return
    refusal = loss_of(spec.loss).targets.refused_rows(y.reshape(-1, outputs.places, outputs.classes))
    if refusal is not None:
        yield from first_bad("y", refusal.values, refusal.bad, (refusal.code, refusal.message))


def _check_metrics(spec: TrainSpec, outputs: Outputs) -> Iterator[Problem]:
    """Whether the metrics asked for go with the loss."""
    if not spec.metrics:
        return
    tally = tally_of(spec.loss, spec.metrics, outputs.shape)
    known = (*tally.known, *tally.at_the_end)
    for index, asked in enumerate(spec.metrics):
        pointer, metric = f"/metrics/{index}", metric_of(asked)
        if metric.called not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            message = f'expected a metric that goes with {spec.loss.type}, got "{metric.name}"; {there}'
            yield Problem(pointer=pointer, code="metric_mismatch", message=message)
        else:
            problems = metric.problems_with(outputs.classes)
            yield from (replace(problem, pointer=f"{pointer}{problem.pointer}") for problem in problems)
