"""Losses: the sum over a shard's rows, and its gradient divided by the whole batch's denominator.

The names, defaults and arithmetic of their PyTorch namesakes; `half_sse` is half the sum of squares. A loss
stands in one module with all that there is of it; `kinds` lists them.
"""

from lockstep.core.losses.base import Loss, LossSpec
from lockstep.core.losses.denominators import Denominators, denominator, weight_by_row
from lockstep.core.losses.kinds import LOSSES, loss_of
from lockstep.core.losses.site import LossSite

__all__ = [
    "LOSSES",
    "Denominators",
    "Loss",
    "LossSite",
    "LossSpec",
    "denominator",
    "loss_of",
    "weight_by_row",
]
