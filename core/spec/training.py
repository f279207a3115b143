"""Losses, optimizers and stop rules of a spec. Names, defaults and arithmetic are those of PyTorch."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag

from core.spec.base import Real, SpecModel, Switch, Whole

PlainLossName = Literal["mse", "half_sse", "sse", "mae", "cross_entropy", "binary_cross_entropy"]
LossName = Literal[PlainLossName, "huber"]
LOSS_NAMES: tuple[str, ...] = get_args(LossName)


class PlainLoss(SpecModel):
    """A loss without settings.

    mse: mean of squares over all elements; half_sse: half their sum; sse: their sum; mae: mean of distances;
    cross_entropy: from logits and class numbers, mean over samples; binary_cross_entropy: from logits, mean
    over all elements.
    """

    type: PlainLossName


class HuberLoss(SpecModel):
    """Half the square up to the distance delta, beyond it delta * (distance - delta / 2); elements' mean."""

    type: Literal["huber"]
    delta: Annotated[Real, Field(gt=0)] = 1.0
    """the distance from which on the loss grows along a line"""


def _spelled_out(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _kind_of_loss(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if name == "huber":
        return "<huber>"
    return "<loss>" if name in LOSS_NAMES else None


def _as_written(loss: "PlainLoss | HuberLoss") -> str | dict[str, str | float]:
    """The bare name where nothing differs from the defaults."""
    settings: dict[str, str | float] = loss.model_dump(exclude_defaults=True)
    return settings if len(settings) > 1 else loss.type


Loss = Annotated[
    Annotated[PlainLoss, Tag("<loss>")] | Annotated[HuberLoss, Tag("<huber>")],
    Discriminator(_kind_of_loss, custom_error_type="loss_type", custom_error_message="expected a loss"),
    BeforeValidator(_spelled_out, json_schema_input_type=LossName | PlainLoss | HuberLoss),
    PlainSerializer(_as_written),
]
"""What training makes small; a bare name is short for {"type": name}."""

LearningRate = Annotated[Real, Field(gt=0, le=1e6)]
Decay = Annotated[Real, Field(ge=0, le=1e6)]


class Sgd(SpecModel):
    """Stochastic gradient descent, as torch.optim.SGD."""

    type: Literal["sgd"]
    learning_rate: LearningRate = 0.001
    """how far a step goes along the gradient"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the last step's direction that is kept"""
    nesterov: Switch = False
    """whether the gradient is taken as if the momentum had moved already; needs momentum above 0"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""


Beta = Annotated[Real, Field(ge=0, lt=1)]


class Adam(SpecModel):
    """Adam, as torch.optim.Adam; its weight decay is added to the gradient."""

    type: Literal["adam"]
    learning_rate: LearningRate = 0.001
    """how far a step goes, about"""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Annotated[Real, Field(gt=0, le=1)] = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""


OPTIMIZER_TYPES: dict[str, type[SpecModel]] = {"sgd": Sgd, "adam": Adam}


def _kind_of_optimizer(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{name}>" if isinstance(name, str) and name in OPTIMIZER_TYPES else None


Optimizer = Annotated[
    Annotated[Sgd, Tag("<sgd>")] | Annotated[Adam, Tag("<adam>")],
    Discriminator(
        _kind_of_optimizer, custom_error_type="optimizer_type", custom_error_message="expected an optimizer"
    ),
]


class StopRules(SpecModel):
    """When to end before the epochs are used up."""

    loss_below: Annotated[Real, Field(gt=0)] | None = None
    """end once a step's loss is below this; tested after the step's update"""
    patience: Annotated[int, Whole(ge=1)] | None = None
    """end after so many epochs without a new lowest validation loss (without one: mean training loss)"""
