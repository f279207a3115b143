"""Metrics: sums over chunks of rows, and what follows from their total.

Sums of chunks need only be added, so chunks can be spread over members. They are float64 for either dtype.
"""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.losses import LossSpec, loss_of
from lockstep.core.metrics.classes import ClassTally, QuestionTally
from lockstep.core.metrics.spec import MetricSpec, TopKAccuracy
from lockstep.core.metrics.spread import spread_of
from lockstep.core.metrics.tally import NoTally, Tally, chosen, name_of
from lockstep.core.metrics.values import ValueTally

__all__ = ["Tally", "chosen", "name_of", "tally_of"]


def tally_of(
    loss: LossSpec,
    asked: Sequence[MetricSpec] | None,
    output_shape: tuple[int, ...],
    targets: np.ndarray | None = None,
) -> Tally:
    """What is counted under a loss, for a model that gives `output_shape` for each row.

    Under kl_div, which compares distributions, there is nothing beside the loss. `targets` (rows, ...): all
    of the part that is measured; without them there is no r2.
    """
    kind = loss_of(loss)
    elements = math.prod(output_shape)
    match kind.measured:
        case "classes":
            top = {metric.k for metric in asked or () if isinstance(metric, TopKAccuracy)}
            return ClassTally(output_shape[-1], tuple(sorted(top)), kind.targets.ignored)
        case "questions":
            return QuestionTally(elements)
        case "values":
            spread = None if targets is None else spread_of(targets)
            return ValueTally(elements, kind.reading.amounts, spread)
        case "nothing":
            return NoTally()
