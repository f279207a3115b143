"""Stochastic gradient descent."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Real, Switch
from lockstep.core.optim.base import (
    Decay,
    Elementwise,
    LearningRate,
    Optimizer,
    OptimizerSpec,
    ParameterBlock,
    ScalarUpdate,
)


class Sgd(OptimizerSpec):
    """Stochastic gradient descent, as torch.optim.SGD."""

    aliases = ("momentum_sgd", "gd")

    type: Literal["sgd"]
    learning_rate: LearningRate = 0.001
    """how far a step goes along the gradient"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the last step's direction that is kept"""
    dampening: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the gradient that does not enter the momentum, from the second step on"""
    nesterov: Switch = False
    """whether the gradient is taken as if the momentum had moved already; needs momentum above 0"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""

    def build(self, weights: np.ndarray) -> Optimizer:
        """See OptimizerSpec."""
        return SgdOptimizer(self, weights)

    def problems(self) -> Iterator[Problem]:
        """Nesterov's step is one of the momentum, undampened."""
        if not self.nesterov:
            return
        if self.momentum == 0:
            yield Problem(
                pointer="/nesterov",
                code="needs_momentum",
                message="expected momentum above 0 with nesterov, got 0; set momentum, or nesterov to false",
            )
        if self.dampening != 0:
            yield Problem(
                pointer="/dampening",
                code="not_with_nesterov",
                message=f"expected no dampening with nesterov, got {self.dampening:g}; take one of them out",
            )

    def scalar_update(self, slopes: Sequence[str]) -> ScalarUpdate | None:
        """See OptimizerSpec; the arithmetic of SgdOptimizer."""
        if self.dampening or self.nesterov or self.weight_decay:
            return None
        lines: list[str] = []
        for k, slope in enumerate(slopes):
            if self.momentum:
                lines.append(f"m{k} = m{k} * {self.momentum!r} + {slope}")
            lines.append(f"p{k} = p{k} - {f'm{k}' if self.momentum else slope} * {self.learning_rate!r}")
        return ScalarUpdate(lines=lines, state=("m",) if self.momentum else ())


class SgdOptimizer(Elementwise):
    """torch.optim.SGD: g += weight_decay p; m = momentum m + (1 - dampening) g; p -= learning_rate m.

    At step 0 m = g. With nesterov, p -= learning_rate (g + momentum m).
    """

    def __init__(self, spec: Sgd, weights: np.ndarray) -> None:
        super().__init__(spec.learning_rate, weights, ("momentum",) if spec.momentum else ())
        self._spec = spec
        self._weight_decay_term = self.number(spec.weight_decay)
        self._momentum = self.number(spec.momentum)
        self._share = self.number(1.0)

    @property
    def plain_rate(self) -> np.ndarray | None:
        """See Optimizer."""
        return None if self._spec.momentum or self._spec.weight_decay else self.minus_rate

    def append(self, block: ParameterBlock) -> None:
        """See Elementwise."""
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
