"""Losses of a spec. Names, defaults and arithmetic are those of PyTorch."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag

from lockstep.core.ground.fields import Real, SpecModel, Switch, Whole

MAX_CLASS_WEIGHTS = 100_000

Positive = Annotated[Real, Field(gt=0, le=1e30)]
_Weight = Annotated[Real, Field(ge=0, le=1e30)]
ClassWeights = Annotated[tuple[_Weight, ...], Field(min_length=2, max_length=MAX_CLASS_WEIGHTS)]
"""One number for each class, in the classes' order."""
OutputWeights = Annotated[tuple[_Weight, ...], Field(min_length=1, max_length=MAX_CLASS_WEIGHTS)]
"""One number for each output."""


class PlainLoss(SpecModel):
    """A loss without settings.

    mse: mean of squares over all elements; half_sse: half their sum; sse: their sum; mae: mean of distances.
    """

    type: Literal["mse", "half_sse", "sse", "mae"]


class HuberLoss(SpecModel):
    """Half the square up to the distance delta, beyond it delta * (distance - delta / 2); elements' mean."""

    type: Literal["huber"]
    delta: Positive = 1.0
    """the distance from which on the loss grows along a line"""


class SmoothL1Loss(SpecModel):
    """Half the square / beta up to the distance beta, beyond it distance - beta / 2; elements' mean."""

    type: Literal["smooth_l1"]
    beta: Positive = 1.0
    """the distance from which on the loss grows along a line"""


class _ClassLoss(SpecModel):
    weight: ClassWeights | None = None
    """how much each class counts; the mean is divided by the weights of the targets"""
    ignore_index: Annotated[int, Whole(ge=-(2**31), le=2**31 - 1)] | None = None
    """the target that does not count, such as -100; none if not given"""


class CrossEntropyLoss(_ClassLoss):
    """From logits and class numbers, as torch.nn.CrossEntropyLoss; mean over the targets that count."""

    type: Literal["cross_entropy"]
    label_smoothing: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of each target that is spread evenly over all classes"""


class NllLoss(_ClassLoss):
    """From log-probabilities (log_softmax) and class numbers, as torch.nn.NLLLoss; mean as cross_entropy."""

    type: Literal["nll"]


class BinaryCrossEntropyLoss(SpecModel):
    """From logits and targets from 0 to 1, as torch.nn.BCEWithLogitsLoss; mean over all elements."""

    type: Literal["binary_cross_entropy"]
    pos_weight: OutputWeights | None = None
    """how much the targets 1 count, one number for each output"""


class KlDivLoss(SpecModel):
    """Σ p (ln p - output) from log-probabilities and probabilities p, divided by the rows.

    As torch.nn.KLDivLoss(reduction="batchmean").
    """

    type: Literal["kl_div"]
    log_target: Switch = False
    """whether the targets are log-probabilities too"""


class HingeLoss(SpecModel):
    """max(0, margin - t output), mean over all elements.

    t is 1 for the target 1 and -1 for the targets 0 and -1.
    """

    type: Literal["hinge"]
    margin: Positive = 1.0
    """how far on the right side an output has to be to cost nothing"""


class MultiMarginLoss(SpecModel):
    """The hinge loss for class numbers, as torch.nn.MultiMarginLoss; mean over the rows.

    For each row weight[class] Σ max(0, margin - output[class] + output[k])^p over the other classes k,
    divided by the number of classes.
    """

    type: Literal["multi_margin"]
    p: Annotated[int, Whole(ge=1, le=2)] = 1
    """the power, 1 or 2"""
    margin: Positive = 1.0
    """by how much the right class has to be ahead to cost nothing"""
    weight: ClassWeights | None = None
    """how much each class counts; the mean stays one over the rows"""


LossSpec = (
    PlainLoss
    | HuberLoss
    | SmoothL1Loss
    | CrossEntropyLoss
    | NllLoss
    | BinaryCrossEntropyLoss
    | KlDivLoss
    | HingeLoss
    | MultiMarginLoss
)
"""What any loss of a spec is an instance of."""

LOSS_TYPES: dict[str, type[SpecModel]] = {
    "mse": PlainLoss,
    "half_sse": PlainLoss,
    "sse": PlainLoss,
    "mae": PlainLoss,
    "huber": HuberLoss,
    "smooth_l1": SmoothL1Loss,
    "cross_entropy": CrossEntropyLoss,
    "binary_cross_entropy": BinaryCrossEntropyLoss,
    "nll": NllLoss,
    "kl_div": KlDivLoss,
    "hinge": HingeLoss,
    "multi_margin": MultiMarginLoss,
}
"""The class that reads each loss's settings, by the loss's name."""

LossName = Literal[
    "mse",
    "half_sse",
    "sse",
    "mae",
    "huber",
    "smooth_l1",
    "cross_entropy",
    "binary_cross_entropy",
    "nll",
    "kl_div",
    "hinge",
    "multi_margin",
]
LOSS_NAMES: tuple[str, ...] = tuple(LOSS_TYPES)


def _spelled_out(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _kind_of_loss(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if not isinstance(name, str) or name not in LOSS_TYPES:
        return None
    return "<loss>" if LOSS_TYPES[name] is PlainLoss else f"<{name}>"


def _as_written(loss: LossSpec) -> object:
    """The bare name where nothing differs from the defaults."""
    settings = loss.model_dump(mode="json", exclude_defaults=True)
    return settings if len(settings) > 1 else loss.type


Loss = Annotated[
    Annotated[PlainLoss, Tag("<loss>")]
    | Annotated[HuberLoss, Tag("<huber>")]
    | Annotated[SmoothL1Loss, Tag("<smooth_l1>")]
    | Annotated[CrossEntropyLoss, Tag("<cross_entropy>")]
    | Annotated[NllLoss, Tag("<nll>")]
    | Annotated[BinaryCrossEntropyLoss, Tag("<binary_cross_entropy>")]
    | Annotated[KlDivLoss, Tag("<kl_div>")]
    | Annotated[HingeLoss, Tag("<hinge>")]
    | Annotated[MultiMarginLoss, Tag("<multi_margin>")],
    Discriminator(_kind_of_loss, custom_error_type="loss_type", custom_error_message="expected a loss"),
    BeforeValidator(_spelled_out, json_schema_input_type=LossName | LossSpec),
    PlainSerializer(_as_written),
]
"""What training makes small; a bare name is short for {"type": name}."""
