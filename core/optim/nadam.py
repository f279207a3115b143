"""NAdam: Adam with Nesterov's momentum."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.fields import Real, Switch
from lockstep.core.optim.base import (
    Betas,
    Decay,
    Elementwise,
    Epsilon,
    LearningRate,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
)


class Nadam(OptimizerSpec):
    """Adam with Nesterov's momentum, as torch.optim.NAdam."""

    type: Literal["nadam"]
    learning_rate: LearningRate = 0.002
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""
    momentum_decay: Annotated[Real, Field(ge=0, le=1)] = 0.004
    """how fast the momentum grows to its full size"""
    decoupled_weight_decay: Switch = False
    """whether weight decay shrinks the weights themselves, as in adamw"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return NadamOptimizer(self, weights)


class NadamOptimizer(Elementwise):
    """torch.optim.NAdam: m, v as in Adam; with μ_t = β1 (1 - ½ 0.96^(t momentum_decay)), Π_t = μ_1 ... μ_t:
    p -= learning_rate [(1-μ_t) / (1-Π_t) g + μ_(t+1) / (1-Π_(t+1)) m] / (√v̂ + eps), t from 1.

    Weight decay is added to g or, where it is decoupled, p *= 1 - learning_rate weight_decay comes first.
    State and numbers are scaled as in core.optim.adam; "momenta" (1,) float64 holds Π.
    """

    works = 3

    def __init__(self, spec: Nadam, weights: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, ("scaled_m", "scaled_v"))
        self._spec = spec
        self._betas = tuple(self.number(beta) for beta in spec.betas)
        self._weight_decay_term = self.number(spec.weight_decay)
        self._of_gradient, self._of_mean, self._eps = (self.number(0.0) for _ in range(3))
        self._momenta = np.ones(1)
        self.state = {**self.elements, "momenta": self._momenta}

    def append(self, block: ParameterBlock) -> None:
        """See Elementwise."""
        p, g, (work, sum_, decayed) = block.p, block.g, block.work
        m, v = block.state["scaled_m"], block.state["scaled_v"]
        beta1, beta2 = self._betas
        if self._spec.decoupled_weight_decay:
            self.shrink(p, self._spec.weight_decay)
        elif self._spec.weight_decay:
            g = self.decay(p, g, self._weight_decay_term, decayed)
        self.call(np.multiply, m, beta1, m)
        self.call(np.add, m, g, m)
        self.call(np.multiply, g, g, work)
        self.call(np.multiply, v, beta2, v)
        self.call(np.add, v, work, v)
        self.call(np.multiply, g, self._of_gradient, sum_)
        self.call(np.multiply, m, self._of_mean, work)
        self.call(np.add, sum_, work, sum_)
        self.call(np.sqrt, v, work)
        self.call(np.add, work, self._eps, work)
        self.call(np.divide, sum_, work, work)
        self.call(np.subtract, p, work, p)

    def prepare(self, step: int) -> None:
        """The three numbers of the step."""
        beta1, beta2 = self._spec.betas
        root = math.sqrt((1.0 - beta2) / (1.0 - beta2 ** (step + 1)))
        momentum, following = self._momentum(step + 1), self._momentum(step + 2)
        self._momenta[0] *= momentum
        product = float(self._momenta[0])
        scale = self.learning_rate / root
        self._of_gradient[()] = scale * (1.0 - momentum) / (1.0 - product)
        self._of_mean[()] = scale * (1.0 - beta1) * following / (1.0 - product * following)
        self._eps[()] = self._spec.eps / root

    def _momentum(self, t: int) -> float:
        momentum: float = self._spec.betas[0] * (1.0 - 0.5 * 0.96 ** (t * self._spec.momentum_decay))
        return momentum
