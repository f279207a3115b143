"""The price of large weights: l1 Σ|w| + l2 Σw², joined to loss and gradient once, after the tree."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.calls import BoundCalls
from lockstep.core.ground.fields import Real, SpecModel
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.base import Limits, Terms, blocks

Weight = Annotated[Real, Field(ge=0, le=1e6)]


class Penalty(SpecModel):
    """l1 Σ|w| + l2 Σw², added to each step's loss; the losses of the evaluations leave it out.

    Over the parameters with two axes or more (weights, not biases); over all of an expression.
    """

    l1: Weight = 0.0
    """the price of the sum of absolute values"""
    l2: Weight = 0.0
    """the price of the sum of squares"""


class WeightPenalty(BoundCalls):
    """Over the parameters with two axes or more, and over all of an expression (whose own have none).

    Sums are taken in fixed blocks and a fixed tree. The gradient of |w| at 0 is 0.
    """

    def __init__(self, spec: Penalty, parameters: Parameters) -> None:
        super().__init__()
        self._spec = spec
        self._parameters = parameters
        self._dtype = parameters.dtype
        self._pieces = _pieces(parameters)
        self._absolute = Terms(len(self._pieces), self._dtype)
        self._squares = Terms(len(self._pieces), self._dtype)

    def join(self, gradient: np.ndarray) -> float:
        """Add the penalty's gradient to the batch's (P,); give its value."""
        for call in self.calls_on(gradient):
            call()
        absolute = float(self._absolute.add()) if self._spec.l1 else 0.0
        squares = float(self._squares.add()) if self._spec.l2 else 0.0
        return self._spec.l1 * absolute + self._spec.l2 * squares

    def bind(self, array: np.ndarray) -> None:
        """See BoundCalls."""
        l1, l2 = self._spec.l1, self._spec.l2
        longest = max((piece.stop - piece.start for piece in self._pieces), default=0)
        room, signs = aligned(longest, self._dtype), Limits(1.0, longest, self._dtype)
        for number, piece in enumerate(self._pieces):
            weights, gradients = self._parameters.flat[piece], array[piece]
            work = room[: len(weights)]
            if l1:
                self._calls += signs.sign(weights, work)
                self._call(np.dot, work, weights, self._absolute.cells[number])
                self._join(work, l1, gradients, work)
            if l2:
                self._call(np.dot, weights, weights, self._squares.cells[number])
                self._join(weights, 2.0 * l2, gradients, work)

    def _join(self, slope: np.ndarray, factor: float, gradient: np.ndarray, work: np.ndarray) -> None:
        """Append gradient += factor slope."""
        self._call(np.multiply, slope, np.array(factor, self._dtype), work)
        self._call(np.add, gradient, work, gradient)

    def _call(self, function: Callable[..., object], *arrays: np.ndarray) -> None:
        self._calls.append(partial(function, *arrays))


def _pieces(parameters: Parameters) -> list[slice]:
    """The blocks of all penalized parameters in the flat vector; none goes beyond its parameter."""
    graph = parameters.graph
    if graph.input_names:
        return blocks(graph.size)
    found: list[slice] = []
    start = 0
    for parameter in graph.parameters:
        if len(parameter.shape) >= 2:
            found += [slice(start + block.start, start + block.stop) for block in blocks(parameter.size)]
        start += parameter.size
    return found
