"""All losses by their names."""

from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.losses.base import Loss
from lockstep.core.losses.binary import BinaryCrossEntropy, Hinge, WeightedBinaryCrossEntropy
from lockstep.core.losses.cross_entropy import CrossEntropy
from lockstep.core.losses.distances import (
    HalfSumOfSquares,
    Huber,
    MeanAbsolute,
    MeanSquares,
    SmoothL1,
    SumOfSquares,
)
from lockstep.core.losses.divergence import KullbackLeibler
from lockstep.core.losses.margin import MultiMargin
from lockstep.core.losses.spec import BinaryCrossEntropyLoss, CrossEntropyLoss, LossSpec
from lockstep.core.losses.weighted import NegativeLogLikelihood, WeightedCrossEntropy

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            MeanSquares(),
            SumOfSquares(),
            HalfSumOfSquares(),
            MeanAbsolute(),
            Huber(),
            SmoothL1(),
            CrossEntropy(),
            BinaryCrossEntropy(),
            NegativeLogLikelihood(),
            KullbackLeibler(),
            Hinge(),
            MultiMargin(),
        )
    }
)
"""The losses as they are without weights."""
_WEIGHTED_CROSS_ENTROPY = WeightedCrossEntropy()
_WEIGHTED_BINARY_CROSS_ENTROPY = WeightedBinaryCrossEntropy()


def loss_of(spec: LossSpec) -> Loss:
    """The loss that a spec means."""
    if isinstance(spec, CrossEntropyLoss) and spec != CrossEntropyLoss(type="cross_entropy"):
        return _WEIGHTED_CROSS_ENTROPY
    if isinstance(spec, BinaryCrossEntropyLoss) and spec.pos_weight is not None:
        return _WEIGHTED_BINARY_CROSS_ENTROPY
    return LOSSES[spec.type]
