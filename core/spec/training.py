"""What a spec says about the way from the gradient to the weights, beside the optimizer, and when to end."""

import math
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lockstep.core.spec.base import Real, SpecModel, Switch, Whole, refuse

Weight = Annotated[Real, Field(ge=0, le=1e6)]
Limit = Annotated[Real, Field(gt=0, le=1e30)]


class Clip(SpecModel):
    """Limits the whole batch's gradient, penalties included, before the optimizer sees it. One of the two."""

    norm: Limit | None = None
    """the longest that the gradient of all parameters together may be; as torch.nn.utils.clip_grad_norm_"""
    value: Limit | None = None
    """the largest that any element may be, to either side; as torch.nn.utils.clip_grad_value_"""

    @model_validator(mode="after")
    def _has_one(self) -> "Clip":
        if (self.norm is None) == (self.value is None):
            came = "neither" if self.norm is None else "both"
            refuse("one_of", f'expected either "norm" or "value", got {came}; write {{"norm": 1.0}}, for one')
        return self


class Penalty(SpecModel):
    """l1 Σ|w| + l2 Σw², added to each step's loss; the losses of the evaluations leave it out.

    Over the parameters with two axes or more (weights, not biases); over all of an expression.
    """

    l1: Weight = 0.0
    """the price of the sum of absolute values"""
    l2: Weight = 0.0
    """the price of the sum of squares"""


LossOf = Literal["step", "epoch", "train", "validation"]
"""Which loss: that of one step's batch; that of the epoch's rows, each at the weights of its step; that of a
part of the data at the weights after an epoch's last update."""
Goal = Annotated[Real, Field(gt=0)]


class LossBelow(SpecModel):
    """A loss to fall below, and which loss that is."""

    value: Goal
    """end once the loss is below this"""
    of: LossOf
    """the loss of each "step"; or, looked at when an epoch ends, that of the "epoch", over its rows as they
    came, or of the whole "train" or "validation" part after the epoch's last update"""


def _kind_of_goal(value: object) -> str:
    return "<goal of>" if isinstance(value, (dict, LossBelow)) else "<goal>"


class StopRules(SpecModel):
    """When to end before the epochs are used up, and with which weights."""

    loss_below: (
        Annotated[
            Annotated[Goal, Tag("<goal>")] | Annotated[LossBelow, Tag("<goal of>")],
            Discriminator(_kind_of_goal),
        ]
        | None
    ) = None
    """end once the loss is below this: a number looks at the step's loss where an epoch is one step, else at
    the epoch's; {"value": 0.1, "of": "step"}, or "epoch", "train", "validation", says which"""
    patience: Annotated[int, Whole(ge=1)] | None = None
    """end after so many epochs without a new lowest validation loss (without one: the epoch's loss)"""
    min_delta: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """how much lower than the lowest so far a loss must be to count as a new lowest one"""
    restore_best: Switch = False
    """whether the result is the weights at the end of the epoch with the lowest loss, as patience counts it;
    not where loss_below ends the job"""

    def goal(self, steps_per_epoch: int) -> tuple[float, LossOf | None]:
        """What the loss shall fall below, and which loss; a plain number means the epoch's.

        Where an epoch is one step, its loss is the step's. Without a goal: -inf, None.
        """
        below = self.loss_below
        if below is None:
            return -math.inf, None
        value, of = (below.value, below.of) if isinstance(below, LossBelow) else (below, "epoch")
        return value, "step" if of == "epoch" and steps_per_epoch == 1 else of
