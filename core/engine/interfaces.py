"""What may be computed in more ways than one: each way has the same bits on the same jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lockstep.core.data.dataset import Part
from lockstep.core.ground.blas import Call
from lockstep.core.ground.random import Stream
from lockstep.core.model.ops.base import WeightProduct
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim import Optimizer
from lockstep.core.spec import ResolvedSpec


class Backward(Protocol):
    """The calls from the output's gradient to that of the parameters; see core.engine.program.Gradients."""

    calls: list[Call]
    products: list[WeightProduct]


class Executable(Protocol):
    """A graph for some rows, as far as a plan needs it; see core.engine.program.Program."""

    x: np.ndarray
    x_with_ones: np.ndarray | None
    output: np.ndarray
    streams: list[Stream]
    forward: list[Call]

    def present(self, array: np.ndarray) -> np.ndarray:
        """The output's array, or its gradient's, as (rows, outputs)."""

    def output_gradient(self) -> np.ndarray:
        """Room for the gradient of the output, laid out as that is: zeros."""

    def differentiate(self, output_gradient: np.ndarray, flat: np.ndarray) -> Backward:
        """The calls from `output_gradient` to `flat` (P,), all of it written."""


class FastExecutables(Protocol):
    """A way to run the graphs that it knows."""

    def build(self, rows: int, parameters: Parameters, *, rows_last: bool) -> Executable | None:
        """One for this many rows; None where it does not fit."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Steps that were taken: their losses (steps,), and the parameters and gradients of those recorded.

    `recorded` is flat: of one step after another, its parameters, then its gradients.
    """

    losses: np.ndarray
    recorded: np.ndarray


class StepsAhead(Protocol):
    """A way to take many steps at a time between the parameters' and the optimizer's arrays."""

    def run(self, first: int, count: int, below: float) -> Taken:
        """Take the steps from `first` on, up to `count`, perhaps fewer.

        It ends after a loss less than `below`, and before a step that has no finite loss or gradient, or that
        it can't do: such a step is to be taken in another way, which says what is wrong with it.
        """


class WholeSteps(Protocol):
    """A way to take one step from its rows to the update, where nothing asks for what lies between."""

    def take(self, step: int) -> tuple[float, bool]:
        """Take a step; gives the loss before it, and whether it is finite: else nothing is updated."""


MakesSteps = Callable[[ResolvedSpec, Part, Parameters, Optimizer, int], StepsAhead | None]
"""(spec, rows to learn from, parameters, optimizer, stride of the recorded steps) -> its steps, or None."""
