"""Runs the steps of a tiny formula, where there is source for it."""

import math
import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.scalar.source import ScalarTraining, source_of
from lockstep.core.engine.interfaces import Taken
from lockstep.core.losses import denominator, loss_of
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim import Optimizer
from lockstep.core.spec import ResolvedSpec

MAX_VALUES = 64
"""Of a step, written out row by row; beyond that NumPy is as fast."""

_Run = Callable[..., tuple[list[float], list[float], tuple[float, ...]]]
_FUNCTIONS = ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt")


class ScalarSteps:
    """The steps of one job, taken on Python's floats between `parameters`' and the optimizer's arrays."""

    def __init__(
        self, problem: ScalarTraining, part: Part, parameters: Parameters, optimizer: Optimizer
    ) -> None:
        self._run = _compiled(source_of(problem))
        self._data = (*part.x.ravel().tolist(), *part.y.ravel().tolist())
        self._vectors = (parameters.flat, *optimizer.state.values())

    def run(self, first: int, count: int, below: float) -> Taken:
        """See StepsAhead: it can't do what Python's arithmetic raises an error at."""
        state = [number for vector in self._vectors for number in vector.tolist()]
        losses, records, new = self._run(self._data, state, first, count, below)
        start = 0
        for vector in self._vectors:
            vector[:] = new[start : start + vector.size]
            start += vector.size
        return Taken(losses=_floats(losses), recorded=_floats(records))


def scalar_steps(
    spec: ResolvedSpec, part: Part, parameters: Parameters, optimizer: Optimizer, stride: int
) -> ScalarSteps | None:
    """The steps of a job, where its formula, its rows and what happens between steps are simple enough.

    That follows from spec and shapes alone. The steps that are multiples of `stride` are recorded.
    """
    problem = _problem(spec, part, parameters.graph, stride) if _is_plain(spec) else None
    return ScalarSteps(problem, part, parameters, optimizer) if problem else None


def _is_plain(spec: ResolvedSpec) -> bool:
    """Whether each step takes all rows as they are, and nothing but the optimizer moves the parameters."""
    return (
        spec.dtype == "float64"
        and spec.batch_size == "full"
        and spec.shards == spec.accumulate == 1
        and not spec.data.augment
        and not spec.data.validation_fraction
        and all(extra is None for extra in (spec.schedule, spec.clip, spec.penalty, spec.stop.patience))
        and not spec.stop.restore_best
        and spec.stop.goal(steps_per_epoch=1)[1] in (None, "step")
    )


def _problem(spec: ResolvedSpec, part: Part, graph: Graph, stride: int) -> ScalarTraining | None:
    values = sum(part.rows if node.batched else 1 for node in graph.nodes if node.inputs)
    known = all(OPS[node.op].rule(node) for node in graph.nodes)
    squares = loss_of(spec.loss).squares
    if squares is None or not (known and values <= MAX_VALUES):
        return None
    if spec.optimizer.scalar_update(()) is None:
        return None
    return ScalarTraining(
        graph=graph,
        rows=part.rows,
        squares=squares,
        denominator=denominator(spec.loss, part.y),
        optimizer=spec.optimizer,
        stride=stride,
    )


def _floats(numbers: list[float]) -> np.ndarray:
    """As an array; NumPy's own way takes twice as long."""
    return np.frombuffer(struct.pack(f"={len(numbers)}d", *numbers))


def _compiled(source: str) -> _Run:
    """The function of a source that this package has written; it sees nothing but arithmetic."""
    names: dict[str, Any] = {name: getattr(math, name) for name in _FUNCTIONS}
    words = (abs, range, min, max, ArithmeticError, ValueError)
    names["__builtins__"] = {word.__name__: word for word in words}
    exec(source, names)  # noqa: S102 - of a graph, under names of its own: see core.engine.fast.scalar.source
    return cast(_Run, names["run"])
