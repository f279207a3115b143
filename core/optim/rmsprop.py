"""RMSprop."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.fields import Real, Switch
from lockstep.core.optim.base import (
    BLOCK,
    Beta,
    Decay,
    Elementwise,
    Epsilon,
    LearningRate,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
)


class Rmsprop(OptimizerSpec):
    """RMSprop, as torch.optim.RMSprop."""

    type: Literal["rmsprop"]
    learning_rate: LearningRate = 0.01
    """how far a step goes, about"""
    alpha: Beta = 0.99
    """the part kept of the running mean of the gradient's squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the last step's direction that is kept"""
    centered: Switch = False
    """whether the mean of squares is reduced by the mean's square"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return RmspropOptimizer(self, weights)


class RmspropOptimizer(Elementwise):
    """torch.optim.RMSprop: g += weight_decay p; v = α v + (1-α) g²; d = g / (√v + eps); p -= learning_rate d.

    Centered, with a = α a + (1-α) g, the root is that of v - a², at least 0. With momentum,
    b = momentum b + d takes the place of d.
    """

    works = 3

    def __init__(self, spec: Rmsprop, weights: np.ndarray) -> None:
        names = ["squares", *(["mean"] if spec.centered else []), *(["momentum"] if spec.momentum else [])]
        super().__init__(spec.learning_rate, weights, names)
        self._spec = spec
        self._alpha, self._rest = self.number(spec.alpha), self.number(1.0 - spec.alpha)
        self._eps, self._zeros = self.number(spec.eps), aligned(min(BLOCK, weights.size), self.dtype)
        self._momentum = self.number(spec.momentum)
        self._weight_decay_term = self.number(spec.weight_decay)

    def append(self, block: ParameterBlock) -> None:
        """See Elementwise."""
        g, (work, root, decayed) = block.g, block.work
        if self._spec.weight_decay:
            g = self.decay(block.p, g, self._weight_decay_term, decayed)
        self.call(np.multiply, g, g, work)
        self._average(block.state["squares"], work, work)
        if self._spec.centered:
            self._average(block.state["mean"], g, work)
            self.call(np.multiply, block.state["mean"], block.state["mean"], work)
            self.call(np.subtract, block.state["squares"], work, root)
            self.call(np.maximum, root, self._zeros[: root.size], out=root)
            self.call(np.sqrt, root, root)
        else:
            self.call(np.sqrt, block.state["squares"], root)
        self.call(np.add, root, self._eps, root)
        self.call(np.divide, g, root, work)
        if self._spec.momentum:
            self.call(np.multiply, block.state["momentum"], self._momentum, block.state["momentum"])
            self.call(np.add, block.state["momentum"], work, block.state["momentum"])
            self.call(np.multiply, block.state["momentum"], self.rate, work)
        else:
            self.call(np.multiply, work, self.rate, work)
        self.call(np.subtract, block.p, work, block.p)

    def _average(self, mean: np.ndarray, value: np.ndarray, work: np.ndarray) -> None:
        """Append mean = α mean + (1-α) value."""
        self.call(np.multiply, value, self._rest, work)
        self.call(np.multiply, mean, self._alpha, mean)
        self.call(np.add, mean, work, mean)
