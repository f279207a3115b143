"""What a spec says about the way from the gradient to the weights, beside the optimizer, and when to end."""

from typing import Annotated

from pydantic import Field, model_validator

from core.spec.base import Real, SpecModel, Switch, Whole, refuse

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


class StopRules(SpecModel):
    """When to end before the epochs are used up, and with which weights."""

    loss_below: Annotated[Real, Field(gt=0)] | None = None
    """end once a step's loss is below this; tested after the step's update"""
    patience: Annotated[int, Whole(ge=1)] | None = None
    """end after so many epochs without a new lowest validation loss (without one: mean training loss)"""
    min_delta: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """how much lower than the lowest so far a loss must be to count as a new lowest one"""
    restore_best: Switch = False
    """whether the result is the weights at the end of the epoch with the lowest loss, as patience counts it;
    not where loss_below ends the job"""
