"""Lion, "evolved sign momentum" (Chen et al. 2023, arXiv:2302.06675)."""

import numpy as np

from lockstep.core.optim.base import BLOCK, Block, Elementwise, Limits
from lockstep.core.optim.spec import Lion as LionSpec


class Lion(Elementwise):
    """p *= 1 - learning_rate weight_decay; p -= learning_rate sign(β1 m + (1-β1) g); m = β2 m + (1-β2) g."""

    def __init__(self, spec: LionSpec, weights: np.ndarray, gradient: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, gradient, ("mean",))
        self._spec = spec
        self._betas = tuple(self.number(beta) for beta in spec.betas)
        self._rests = tuple(self.number(1.0 - beta) for beta in spec.betas)
        self._signs = Limits(1.0, min(BLOCK, weights.size), self.dtype)
        for block in self.blocks(works=2):
            self._append(block)

    def _append(self, block: Block) -> None:
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
