"""Adagrad."""

import numpy as np

from lockstep.core.optim.base import Block, Elementwise
from lockstep.core.optim.spec import Adagrad as AdagradSpec


class Adagrad(Elementwise):
    """torch.optim.Adagrad: g += weight_decay p; v += g²; p -= r g / (√v + eps),
    r = learning_rate / (1 + t lr_decay).

    t counts the steps from 0; v starts at initial_accumulator_value.
    """

    def __init__(self, spec: AdagradSpec, weights: np.ndarray, gradient: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, gradient, ("squares",))
        self._spec = spec
        self._eps = self.number(spec.eps)
        self._weight_decay_term = self.number(spec.weight_decay)
        self.state["squares"].fill(spec.initial_accumulator_value)
        for block in self.blocks(works=2):
            self._append(block)

    def _append(self, block: Block) -> None:
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
