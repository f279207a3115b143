"""Adam and AdamW."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from lockstep.core.ground.fields import Switch
from lockstep.core.optim.base import (
    Betas,
    Decay,
    Elementwise,
    Epsilon,
    LearningRate,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
    ScalarUpdate,
)


class Adam(OptimizerSpec):
    """Adam, as torch.optim.Adam; its weight decay is added to the gradient."""

    type: Literal["adam"]
    learning_rate: LearningRate = 0.001
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""
    amsgrad: Switch = False
    """whether the divisor takes the largest mean of squares so far, not the current one"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return AdamOptimizer(self, weights)

    def scalar_update(self, slopes: Sequence[str]) -> ScalarUpdate | None:
        """See OptimizerSpec; the arithmetic of AdamOptimizer."""
        if self.weight_decay or self.amsgrad:
            return None
        beta1, beta2 = self.betas
        lines = [
            f"root = sqrt({1.0 - beta2!r} / (1.0 - {beta2!r} ** (step + 1)))",
            f"factor = {self.learning_rate * (1.0 - beta1)!r} / (1.0 - {beta1!r} ** (step + 1)) / root",
            f"eps = {self.eps!r} / root",
        ]
        for k, slope in enumerate(slopes):
            lines += [
                f"m{k} = m{k} * {beta1!r} + {slope}",
                f"s{k} = s{k} * {beta2!r} + {slope} * {slope}",
                f"p{k} = p{k} - m{k} / (sqrt(s{k}) + eps) * factor",
            ]
        return ScalarUpdate(lines=lines, state=("m", "s"))


class AdamW(OptimizerSpec):
    """Adam whose weight decay shrinks the weights themselves, as torch.optim.AdamW."""

    aliases = ("adam_w",)

    type: Literal["adamw"]
    learning_rate: LearningRate = 0.001
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.01
    """each step shrinks each weight by learning_rate times this part of it"""
    amsgrad: Switch = False
    """whether the divisor takes the largest mean of squares so far, not the current one"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return AdamOptimizer(self, weights)


class AdamOptimizer(Elementwise):
    """torch.optim.Adam: g += weight_decay p; m = β1 m + (1-β1) g; v = β2 v + (1-β2) g²;
    p -= learning_rate m̂ / (√v̂ + eps), with m̂ = m / (1-β1^t), v̂ = v / (1-β2^t), t from 1.

    AdamW leaves g alone and starts with p *= 1 - learning_rate weight_decay. With amsgrad, v̂ is taken from
    the largest v so far.

    The state holds M = m / (1-β1) and V = v / (1-β2), which saves two passes over the parameters;
    the factors go into two numbers per step: with r = √((1-β2) / (1-β2^t)), p -= [learning_rate (1-β1) /
    (1-β1^t) / r] M / (√V + [eps / r]).
    """

    def __init__(self, spec: Adam | AdamW, weights: np.ndarray) -> None:
        names = ("scaled_m", "scaled_v", "largest_v") if spec.amsgrad else ("scaled_m", "scaled_v")
        super().__init__(spec.learning_rate, weights, names)
        self._spec = spec
        self._betas = tuple(self.number(beta) for beta in spec.betas)
        self._weight_decay_term = self.number(spec.weight_decay)
        self._one = self.number(1.0)
        self._minus_factor = self.number(0.0)
        self._eps = self.number(0.0)

    def append(self, block: ParameterBlock) -> None:
        """The seven passes over one block, and those of weight decay and amsgrad."""
        p, g, work = block.p, block.g, block.work[0]
        m, v = block.state["scaled_m"], block.state["scaled_v"]
        beta1, beta2 = self._betas
        if isinstance(self._spec, AdamW):
            self.shrink(p, self._spec.weight_decay)
        elif self._spec.weight_decay:
            g = self.decay(p, g, self._weight_decay_term, block.work[1])
        self.calls(self.vectors.axpby(self._one, g, beta1, m, work))
        self.call(np.square, g, work)
        self.calls(self.vectors.axpby(self._one, work, beta2, v, work))
        if self._spec.amsgrad:
            self.call(np.maximum, block.state["largest_v"], v, out=block.state["largest_v"])
            v = block.state["largest_v"]
        self.call(np.sqrt, v, work)
        self.call(np.add, work, self._eps, work)
        self.call(np.divide, m, work, work)
        self.calls(self.vectors.axpy(self._minus_factor, work, p, work))

    def prepare(self, step: int) -> None:
        """The two numbers of the step."""
        beta1, beta2 = self._spec.betas
        root = math.sqrt((1.0 - beta2) / (1.0 - beta2 ** (step + 1)))
        self._minus_factor[()] = -self.learning_rate * (1.0 - beta1) / (1.0 - beta1 ** (step + 1)) / root
        self._eps[()] = self._spec.eps / root
