"""Stochastic gradient descent."""

import numpy as np

from lockstep.core.optim.base import Block, Elementwise
from lockstep.core.optim.spec import Sgd as SgdSpec


class Sgd(Elementwise):
    """torch.optim.SGD: g += weight_decay p; m = momentum m + (1 - dampening) g; p -= learning_rate m.

    At step 0 m = g. With nesterov, p -= learning_rate (g + momentum m).
    """

    def __init__(self, spec: SgdSpec, weights: np.ndarray, gradient: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, gradient, ("momentum",) if spec.momentum else ())
        self._spec = spec
        self._weight_decay_term = self.number(spec.weight_decay)
        self._momentum = self.number(spec.momentum)
        self._share = self.number(1.0)
        for block in self.blocks(works=2):
            self._append(block)

    @property
    def is_plain(self) -> bool:
        """Whether a step is nothing but p += minus_rate g."""
        return not (self._spec.momentum or self._spec.weight_decay)

    def _append(self, block: Block) -> None:
        p, g, direction = block.p, block.g, block.work[0]
        if self._spec.weight_decay:
            g = self.decay(p, g, self._weight_decay_term, block.work[1])
        if self._spec.momentum:
            g = self._accumulate(g, block.state["momentum"], direction)
        self.calls(self.vectors.axpy(self.minus_rate, g, p, direction))

    def _accumulate(self, g: np.ndarray, m: np.ndarray, work: np.ndarray) -> np.ndarray:
        """Append the momentum; give the direction. It starts at 0, so that step 0 gives m = g."""
        self.call(np.multiply, m, self._momentum, m)
        if self._spec.dampening:
            self.call(np.multiply, g, self._share, work)
            self.call(np.add, m, work, m)
        else:
            self.call(np.add, m, g, m)
        if not self._spec.nesterov:
            return m
        self.call(np.multiply, m, self._momentum, work)
        self.call(np.add, g, work, work)
        return work

    def prepare(self, step: int) -> None:
        """The first gradient enters the momentum whole."""
        if self._spec.dampening:
            self._share[()] = 1.0 - self._spec.dampening if step else 1.0
