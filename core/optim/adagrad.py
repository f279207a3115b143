"""Adagrad."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.fields import Real
from lockstep.core.optim.base import (
    Decay,
    Elementwise,
    Epsilon,
    LearningRate,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
)


class Adagrad(OptimizerSpec):
    """Adagrad, as torch.optim.Adagrad."""

    type: Literal["adagrad"]
    learning_rate: LearningRate = 0.01
    """how far the first step goes, about"""
    lr_decay: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """step t, counted from 0, divides the learning rate by 1 + t * lr_decay"""
    initial_accumulator_value: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """where the sums of squares start"""
    eps: Epsilon = 1e-10
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return AdagradOptimizer(self, weights)


class AdagradOptimizer(Elementwise):
    """torch.optim.Adagrad: g += weight_decay p; v += g²; p -= r g / (√v + eps),
    r = learning_rate / (1 + t lr_decay).

    t counts the steps from 0; v starts at initial_accumulator_value.
    """

    def __init__(self, spec: Adagrad, weights: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, ("squares",))
        self._spec = spec
        self._eps = self.number(spec.eps)
        self._weight_decay_term = self.number(spec.weight_decay)
        self.state["squares"].fill(spec.initial_accumulator_value)

    def append(self, block: ParameterBlock) -> None:
        """See Elementwise."""
        g, (work, decayed) = block.g, block.work
        if self._spec.weight_decay:
            g = self.decay(block.p, g, self._weight_decay_term, decayed)
        self.call(np.multiply, g, g, work)
        self.call(np.add, block.state["squares"], work, block.state["squares"])
        self.call(np.sqrt, block.state["squares"], work)
        self.call(np.add, work, self._eps, work)
        self.call(np.divide, g, work, work)
        self.call(np.multiply, work, self.rate, work)
        self.call(np.subtract, block.p, work, block.p)

    def prepare(self, step: int) -> None:
        """The step's part of the learning rate."""
        if self._spec.lr_decay:
            self.rate[()] = self.learning_rate / (1.0 + step * self._spec.lr_decay)
