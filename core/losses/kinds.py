"""All losses by their names, and what a spec may say of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, PlainSerializer

from lockstep.core.ground.words import Vocabulary, branches, chosen_by_type, spelled_out
from lockstep.core.losses.base import Loss, LossSpec
from lockstep.core.losses.binary_cross_entropy import BinaryCrossEntropy
from lockstep.core.losses.cross_entropy import CrossEntropy, NegativeLogLikelihood
from lockstep.core.losses.distances import Huber, SmoothL1
from lockstep.core.losses.hinge import Hinge
from lockstep.core.losses.kl_div import KullbackLeibler
from lockstep.core.losses.multi_margin import MultiMargin
from lockstep.core.losses.plain import HalfSumOfSquares, MeanAbsolute, MeanSquares, SumOfSquares

_WORDS: tuple[type[Loss[Any]], ...] = (
    MeanSquares,
    HalfSumOfSquares,
    SumOfSquares,
    MeanAbsolute,
    Huber,
    SmoothL1,
    CrossEntropy,
    BinaryCrossEntropy,
    NegativeLogLikelihood,
    KullbackLeibler,
    Hinge,
    MultiMargin,
)
NEEDS: Mapping[str, str] = {
    "__doc__": "what people are told of it",
    "settings": "the class of its settings",
    "aliases": "what other systems call it, () if nothing",
    "forward": "its sum",
    "gradient": "its derivative by the output",
    "formula": "how a reader would write both",
    "mean": "what its sum is divided by",
    "targets": "what targets it takes, and the words for others",
    "mixes": "whether a target between two others means something to it",
    "reading": "what the model's outputs say",
    "measured": "which metrics there are under it",
}
LOSSES: Vocabulary[type[Loss[Any]]] = Vocabulary("loss", NEEDS, ((word.name, word) for word in _WORDS))
FOR_VALUES, FOR_CLASSES, FOR_QUESTIONS = MeanSquares.name, CrossEntropy.name, BinaryCrossEntropy.name
"""The losses that most take."""


def loss_of(spec: LossSpec) -> Loss[Any]:
    """The loss that a spec means."""
    return LOSSES[spec.type].of(spec)


def _in_the_order_of_rooms() -> dict[str, type[LossSpec]]:
    """The settings by the losses' names; those of one module side by side."""
    modules = [loss.__module__ for loss in LOSSES.values()]
    names = sorted(LOSSES, key=lambda name: modules.index(LOSSES[name].__module__))
    return {name: LOSSES[name].settings for name in names}


_SETTINGS = _in_the_order_of_rooms()
_TAG = "<{}>"
LOSS_TAGS = branches(_SETTINGS, _TAG)
"""The branches of the union in pydantic's locations."""


def _as_written(loss: LossSpec) -> object:
    """The bare name where nothing differs from the defaults."""
    settings = loss.model_dump(mode="json", exclude_defaults=True)
    return settings if len(settings) > 1 else loss.type


if TYPE_CHECKING:
    AnyLoss = LossSpec
else:
    AnyLoss = Annotated[
        chosen_by_type(_SETTINGS, _TAG, error="loss_type", expected="a loss"),
        BeforeValidator(
            spelled_out,
            json_schema_input_type=Union[(Literal[tuple(LOSSES)], *LOSS_TAGS.values())],
        ),
        PlainSerializer(_as_written),
    ]
"""What training makes small; a bare name is short for {"type": name}."""
