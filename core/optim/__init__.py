"""Optimizers: one step of all parameters from the whole gradient. Both are flat vectors (P,).

The learning rate is applied to the gradient here and nowhere else. Where sums over the parameters are
needed, they are taken in fixed blocks and a fixed tree.
"""

import numpy as np

from lockstep.core.optim.base import BLOCK, Optimizer, OptimizerSpec
from lockstep.core.optim.kinds import OPTIMIZERS, AnyOptimizer

__all__ = ["BLOCK", "OPTIMIZERS", "AnyOptimizer", "Optimizer", "OptimizerSpec", "states_of"]


def states_of(spec: OptimizerSpec) -> int:
    """How many numbers an optimizer remembers of each parameter."""
    one, two = (_remembered(spec, size) for size in (1, 2))
    return two - one


def _remembered(spec: OptimizerSpec, size: int) -> int:
    state = spec.build(np.zeros(size)).state
    return sum(array.size for array in state.values())
