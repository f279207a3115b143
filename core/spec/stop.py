"""What a spec says about when a training ends."""

import math
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from lockstep.core.ground.fields import Real, SpecModel, Switch, Whole

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
    """end after this many epochs without a new lowest validation loss (without one: the epoch's loss)"""
    min_delta: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """how much lower than the lowest so far a loss must be to count as a new lowest one"""
    restore_best: Switch = False
    """whether the result is the weights at the end of the epoch with the lowest loss, as patience counts it;
    not where loss_below ends the job"""

    def goal(self, steps_per_epoch: int) -> tuple[float, LossOf | None]:
        """What the loss has to fall below, and which loss; a plain number means the epoch's.

        Where an epoch is one step, its loss is the step's. Without a goal: -inf, None.
        """
        below = self.loss_below
        if below is None:
            return -math.inf, None
        value, of = (below.value, below.of) if isinstance(below, LossBelow) else (below, "epoch")
        return value, "step" if of == "epoch" and steps_per_epoch == 1 else of
