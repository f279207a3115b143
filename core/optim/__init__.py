"""Optimizers: one step of all parameters from the whole gradient. Both are flat vectors (P,).

The learning rate is applied to the gradient here and nowhere else. Where sums over the parameters are
needed, they are taken in fixed blocks and a fixed tree.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.adagrad import Adagrad
from lockstep.core.optim.adam import Adam
from lockstep.core.optim.base import BLOCK, Optimizer
from lockstep.core.optim.lbfgs import Lbfgs
from lockstep.core.optim.lion import Lion
from lockstep.core.optim.nadam import Nadam
from lockstep.core.optim.rmsprop import Rmsprop
from lockstep.core.optim.sgd import Sgd
from lockstep.core.optim.spec import AnyOptimizer

__all__ = ["BLOCK", "Optimizer", "make_optimizer", "states_of"]

_MAKERS: Mapping[str, Callable[[Any, np.ndarray, np.ndarray], Optimizer]] = MappingProxyType(
    {
        "sgd": Sgd,
        "adam": Adam,
        "adamw": Adam,
        "nadam": Nadam,
        "rmsprop": Rmsprop,
        "adagrad": Adagrad,
        "lion": Lion,
        "lbfgs": Lbfgs,
    }
)


def make_optimizer(spec: AnyOptimizer, parameters: Parameters, gradient: np.ndarray) -> Optimizer:
    """The optimizer of a spec for these parameters, reading `gradient` (P,) where it lies."""
    return _MAKERS[spec.type](spec, parameters.flat, gradient)


def states_of(spec: AnyOptimizer) -> int:
    """How many numbers an optimizer remembers of each parameter."""
    one, two = (_remembered(spec, size) for size in (1, 2))
    return two - one


def _remembered(spec: AnyOptimizer, size: int) -> int:
    optimizer: Optimizer = _MAKERS[spec.type](spec, np.zeros(size), np.zeros(size))
    return sum(array.size for array in optimizer.state.values())
