"""What is counted over a part's rows beside the loss: sums that need only be added, and what they say."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from lockstep.core.metrics.spec import MetricSpec, TopKAccuracy

MOST_SHOWN = 32
"""Up to so many classes, or questions, each has numbers of its own in the result, and a confusion matrix."""


class Tally(ABC):
    """Counts for one kind of targets.

    `width`: how many sums there are. `known`: the single numbers that follow from them. `usual`: those that
    follow each epoch if the spec names none. `at_the_end`: what only the result has.
    """

    usual: ClassVar[tuple[str, ...]] = ()
    known: tuple[str, ...] = ()
    at_the_end: ClassVar[tuple[str, ...]] = ()
    width: int = 0

    @abstractmethod
    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Write the sums of a chunk to `sums` (width,): `output` (rows, ..., outputs), `y` its targets."""

    @abstractmethod
    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """What the sums of `rows` rows say of the metrics `names`; those without a value are left out."""

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ARG002 - most have none
        """What has a number for each class, by its name."""
        return {}

    def area(self, output: np.ndarray, y: np.ndarray) -> float | None:  # noqa: ARG002 - most have none
        """The area under the ROC curve, from the outputs of all rows; None where it means nothing."""
        return None


class NoTally(Tally):
    """Nothing beside the loss."""

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Nothing."""

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:  # noqa: ARG002 - none
        """None."""
        return {}


def chosen(tally: Tally, asked: Sequence[MetricSpec] | None) -> tuple[str, ...]:
    """The names of what is measured after each epoch."""
    if asked is None:
        return tally.usual
    return tuple(name_of(metric) for metric in asked)


def name_of(metric: MetricSpec) -> str:
    """A metric's name in series and results: "top_3_accuracy" for k = 3."""
    return f"top_{metric.k}_accuracy" if isinstance(metric, TopKAccuracy) else metric.type
