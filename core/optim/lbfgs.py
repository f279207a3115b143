"""L-BFGS: Newton's direction from the last steps' changes of the gradient."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Real, Whole
from lockstep.core.optim.base import Dot, LearningRate, Optimizer, OptimizerSpec

MAX_HISTORY = 1000
MAX_HISTORY_NUMBERS = 20_000_000
"""The numbers that lbfgs may keep: they are part of each checkpoint."""
MIN_CURVATURE = 1e-10
"""A step whose y · s is not above this is not remembered: the curvature must stay positive."""
ITERATIONS, REMEMBERED, LENGTH, DIAGONAL = range(4)
"""What the elements of the state's "numbers" are."""


class Lbfgs(OptimizerSpec):
    """L-BFGS without line search, one iteration a step, as torch.optim.LBFGS(max_iter=1).

    It needs the whole data in each step: batch_size "full".
    """

    needs_full_batch: ClassVar[str | None] = "lbfgs compares the gradients of one step and the next"
    aliases = ("l_bfgs",)

    type: Literal["lbfgs"]
    learning_rate: LearningRate = 1.0
    """how far a step goes along its direction; the first step goes at most as far as 1 in all weights"""
    history_size: Annotated[int, Whole(ge=1, le=MAX_HISTORY)] = 100
    """how many steps the curvature is estimated from; each keeps two numbers for each parameter"""
    tolerance_grad: Annotated[Real, Field(ge=0, le=1)] = 1e-7
    """a step whose largest gradient is not above this changes nothing"""
    tolerance_change: Annotated[Real, Field(ge=0, le=1)] = 1e-9
    """a step whose slope along its direction is above minus this changes nothing"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return LbfgsOptimizer(self, weights)

    def problems_with(self, parameters: int) -> Iterator[Problem]:
        """The history is part of each checkpoint."""
        numbers = 2 * self.history_size * parameters
        if numbers <= MAX_HISTORY_NUMBERS:
            return
        fits = MAX_HISTORY_NUMBERS // (2 * parameters)
        hint = f"set history_size to at most {fits}" if fits else "take another optimizer"
        yield Problem(
            pointer="/history_size",
            code="too_much_history",
            message=f"expected at most {MAX_HISTORY_NUMBERS} numbers of history, got {numbers}, "
            f"two for each of {parameters} parameters and each step; {hint}",
        )


class LbfgsOptimizer:
    """torch.optim.LBFGS(max_iter=1, line_search_fn=None): each step is one iteration on its own gradient g.

    With s the last step and y what it changed in g, up to `history_size` pairs are kept, those with
    y · s > 1e-10. The direction d is -H g by the two-loop recursion over them, from H = (y · s) / (y · y) of
    the newest pair; d = -g at the first step. Then p += t d, t being learning_rate, at the first step
    min(1, 1 / Σ|g|) learning_rate. Nothing changes where max|g| <= tolerance_grad or g · d >
    -tolerance_change.

    State: "gradient" and "direction" (P,), "changes" (y) and "moves" (s) (history_size, P) as rings,
    "inverses" (1 / y · s) (history_size,), and "numbers" (4,): iterations, pairs ever kept, last t, H.
    """

    def __init__(self, spec: Lbfgs, weights: np.ndarray) -> None:
        size, dtype = weights.size, weights.dtype
        self.state: Mapping[str, np.ndarray] = {
            "gradient": aligned(size, dtype),
            "direction": aligned(size, dtype),
            "changes": aligned((spec.history_size, size), dtype),
            "moves": aligned((spec.history_size, size), dtype),
            "inverses": aligned(spec.history_size, dtype),
            "numbers": np.zeros(4),
        }
        self._spec = spec
        self._learning_rate = spec.learning_rate
        self._weights = weights
        self._dot = Dot(size, dtype)
        self._work = aligned(size, dtype)
        self._shares = aligned(spec.history_size, dtype)

    @property
    def plain_rate(self) -> np.ndarray | None:
        """See Optimizer."""
        return None

    def set_learning_rate(self, value: float) -> None:
        """See core.optim.base.Optimizer."""
        self._learning_rate = value

    def step(self, step: int, gradient: np.ndarray) -> None:  # noqa: ARG002 - the state counts iterations
        """One iteration; see core.optim.base.Optimizer."""
        direction, numbers = self.state["direction"], self.state["numbers"]
        np.abs(gradient, self._work)
        if self._work.max() <= self._spec.tolerance_grad:
            return
        numbers[ITERATIONS] += 1
        is_first = numbers[ITERATIONS] == 1
        if is_first:
            numbers[DIAGONAL] = 1.0
        else:
            self._remember(gradient)
        self._aim(gradient)
        np.copyto(self.state["gradient"], gradient)
        numbers[LENGTH] = self._learning_rate * (self._first_length(gradient) if is_first else 1.0)
        if self._dot(gradient, direction) > -self._spec.tolerance_change:
            return
        np.multiply(direction, numbers[LENGTH].astype(direction.dtype), self._work)
        np.add(self._weights, self._work, self._weights)

    def _first_length(self, gradient: np.ndarray) -> float:
        np.sign(gradient, self._work)
        return min(1.0, 1.0 / float(self._dot(self._work, gradient)))

    def _remember(self, gradient: np.ndarray) -> None:
        """Keep the last step and what it changed in the gradient, in place of the oldest pair."""
        numbers = self.state["numbers"]
        place = int(numbers[REMEMBERED]) % self._spec.history_size
        change, move = self._work, self.state["direction"]
        np.subtract(gradient, self.state["gradient"], change)
        np.multiply(
            move, numbers[LENGTH].astype(move.dtype), move
        )  # the direction is written anew after this
        curvature = self._dot(change, move)[()]
        if not curvature > MIN_CURVATURE:
            return
        np.copyto(self.state["changes"][place], change)
        np.copyto(self.state["moves"][place], move)
        self.state["inverses"][place] = 1.0 / curvature
        numbers[DIAGONAL] = curvature / self._dot(change, change)[()]
        numbers[REMEMBERED] += 1

    def _aim(self, gradient: np.ndarray) -> None:
        """Set the direction to -H g."""
        direction, changes, moves = self.state["direction"], self.state["changes"], self.state["moves"]
        inverses, shares, numbers = self.state["inverses"], self._shares, self.state["numbers"]
        kept = int(numbers[REMEMBERED])
        places = [
            number % self._spec.history_size for number in range(max(0, kept - self._spec.history_size), kept)
        ]
        np.negative(gradient, direction)
        for place in reversed(places):
            shares[place] = self._dot(moves[place], direction) * inverses[place]
            np.multiply(changes[place], shares[place], self._work)
            np.subtract(direction, self._work, direction)
        np.multiply(direction, numbers[DIAGONAL].astype(direction.dtype), direction)
        for place in places:
            share = shares[place] - self._dot(changes[place], direction) * inverses[place]
            np.multiply(moves[place], share, self._work)
            np.add(direction, self._work, direction)
