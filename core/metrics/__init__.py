"""Metrics: sums over chunks of rows, and what follows from their total.

Sums of chunks need only be added, so chunks can be spread over members. They are float64 for either dtype. A
metric stands in one module with all that there is of it; `kinds` lists them.
"""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.losses import LossSpec, loss_of
from lockstep.core.metrics.base import MetricSpec
from lockstep.core.metrics.classes import ClassTally, QuestionTally
from lockstep.core.metrics.kinds import METRICS, metric_of, metrics_under
from lockstep.core.metrics.spread import spread_of
from lockstep.core.metrics.tally import NoTally, Tally
from lockstep.core.metrics.values import ValueTally

__all__ = ["METRICS", "MetricSpec", "Tally", "chosen", "metric_of", "tally_of"]


def tally_of(
    loss: LossSpec,
    asked: Sequence[MetricSpec] | None,
    output_shape: tuple[int, ...],
    targets: np.ndarray | None = None,
) -> Tally:
    """What is counted under a loss, for a model that gives `output_shape` for each row.

    `targets` (rows, ...): all of the part that is measured; without them there is no r2.
    """
    kind = loss_of(loss)
    metrics, elements = metrics_under(kind.measured, asked), math.prod(output_shape)
    match kind.measured:
        case "classes":
            return ClassTally(output_shape[-1], metrics, kind.targets.ignored)
        case "questions":
            return QuestionTally(elements, metrics)
        case "values":
            spread = None if targets is None else spread_of(targets)
            return ValueTally(elements, metrics, kind.reading.amounts, spread)
        case "nothing":
            return NoTally(metrics)


def chosen(tally: Tally, asked: Sequence[MetricSpec] | None) -> tuple[str, ...]:
    """The names of what is measured after each epoch."""
    return tally.usual if asked is None else tuple(metric_of(metric).called for metric in asked)
