"""The series of a formula's training: each parameter and its gradient, beside the loss.

Point s holds the parameter before the update of step s, and the gradient of the whole batch of step s before
clipping, the penalty's included. Jobs of at most MAX_POINTS steps record every step; longer ones record the
multiples of a stride, which follows from the job's number of steps alone.
"""

import sys

import numpy as np

from lockstep.core.learning.report import GRADIENT, Points
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters

MAX_POINTS = 100_000
NEVER = sys.maxsize


def stride_of(steps: int) -> int:
    """How many steps lie between two recorded ones, where `steps` is the most that can come."""
    return max(1, -(-steps // MAX_POINTS))


class TrainingRecorder:
    """Records one training of a formula, once it has begun; of layers, nothing.

    `steps` is the most that can come. `due` is the next step to be noted.
    """

    def __init__(self, parameters: Parameters, steps: int) -> None:
        self._names = names_of(parameters.graph)
        self._flat = parameters.flat
        self.stride = stride_of(steps)
        self.due = NEVER
        self._first = 0
        self._rows = np.empty((0, 2 * len(self._names)))
        self._count = 0

    def begin(self, step: int) -> None:
        """Record from `step` on."""
        if self._names:
            self.due = self._first = -(-step // self.stride) * self.stride

    def note(self, gradient: np.ndarray) -> None:
        """Take the parameters and the gradient (P,) of the step that is due."""
        row = self._next_rows(1)[0]
        row[: len(self._names)] = self._flat
        row[len(self._names) :] = gradient

    def note_all(self, numbers: np.ndarray) -> None:
        """Take those of the steps that were due in a stretch, each its parameters, then its gradients."""
        if self.due != NEVER and len(numbers):
            rows = numbers.reshape(-1, 2 * len(self._names))
            self._next_rows(len(rows))[:] = rows

    def _next_rows(self, count: int) -> np.ndarray:
        """Room for the next points."""
        end = self._count + count
        if end > len(self._rows):
            longer = np.empty((max(end, 2 * len(self._rows)), self._rows.shape[1]))
            longer[: self._count] = self._rows[: self._count]
            self._rows = longer
        rows = self._rows[self._count : end]
        self._count = end
        self.due += count * self.stride
        return rows

    def series(self) -> dict[str, Points]:
        """What was recorded since the last call, by name."""
        if not self._count:
            return {}
        steps = np.arange(self._first, self.due, self.stride)
        columns = self._rows[: self._count].T
        self._first, self._count = self.due, 0
        names = (*self._names, *(f"{GRADIENT}{name}" for name in self._names))
        return {
            name: Points(steps=steps, values=column.copy())
            for name, column in zip(names, columns, strict=True)
        }


def names_of(graph: Graph) -> tuple[str, ...]:
    """The parameters that are recorded: those of a formula, each a single number."""
    return tuple(parameter.name for parameter in graph.parameters) if graph.input_names else ()
