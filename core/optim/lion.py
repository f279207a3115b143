"""Lion, "evolved sign momentum" (Chen et al. 2023, arXiv:2302.06675)."""

from typing import Literal

import numpy as np

from lockstep.core.optim.base import (
    BLOCK,
    Betas,
    Decay,
    Elementwise,
    LearningRate,
    Limits,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
)


class Lion(OptimizerSpec):
    """Lion (Chen et al. 2023): steps of one size along the sign of a mean of gradients."""

    type: Literal["lion"]
    learning_rate: LearningRate = 0.0001
    """how far each weight goes in a step"""
    betas: Betas = (0.9, 0.99)
    """the parts kept of the mean of gradients: in the step's direction, and in the mean itself"""
    weight_decay: Decay = 0.0
    """each step shrinks each weight by learning_rate times this part of it"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return LionOptimizer(self, weights)


class LionOptimizer(Elementwise):
    """p *= 1 - learning_rate weight_decay; p -= learning_rate sign(β1 m + (1-β1) g); m = β2 m + (1-β2) g."""

    def __init__(self, spec: Lion, weights: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, ("mean",))
        self._spec = spec
        self._betas = tuple(self.number(beta) for beta in spec.betas)
        self._rests = tuple(self.number(1.0 - beta) for beta in spec.betas)
        self._signs = Limits(1.0, min(BLOCK, weights.size), self.dtype)

    def append(self, block: ParameterBlock) -> None:
        """See Elementwise."""
        p, g, m, (direction, work) = block.p, block.g, block.state["mean"], block.work
        if self._spec.weight_decay:
            self.shrink(p, self._spec.weight_decay)
        self.call(np.multiply, m, self._betas[0], direction)
        self.call(np.multiply, g, self._rests[0], work)
        self.call(np.add, direction, work, direction)
        self._calls += self._signs.sign(direction, direction)
        self.call(np.multiply, direction, self.rate, direction)
        self.call(np.subtract, p, direction, p)
        self.call(np.multiply, g, self._rests[1], work)
        self.call(np.multiply, m, self._betas[1], m)
        self.call(np.add, m, work, m)
