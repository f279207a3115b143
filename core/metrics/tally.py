"""What is counted over a part's rows beside the loss: sums that need only be added, and what they say."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from lockstep.core.metrics.base import Metric


class Tally(ABC):
    """Counts behind some metrics, for one kind of targets.

    `width`: how many sums there are. `known`: the single numbers that follow from them. `usual`: those that
    follow each epoch if the spec names none. `at_the_end`: what only the result has.
    """

    width: int = 0

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.by_name = {metric.called: metric for metric in metrics}
        self.known = tuple(name for name, metric in self.by_name.items() if not metric.at_the_end)
        self.usual = tuple(name for name, metric in self.by_name.items() if metric.usual)
        self.at_the_end = tuple(name for name, metric in self.by_name.items() if metric.at_the_end)

    @abstractmethod
    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Write the sums of a chunk to `sums` (width,): `output` (rows, ..., outputs), `y` its targets."""

    @abstractmethod
    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """What the sums of `rows` rows say of the metrics `names`; those without a value are left out."""

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ARG002 - most have none
        """What has a number for each class, by its name."""
        return {}

    def of_outputs(self, output: np.ndarray, y: np.ndarray) -> dict[str, float]:  # noqa: ARG002 - likewise
        """The metrics that need the outputs of all rows; those that mean nothing are left out."""
        return {}


class NoTally(Tally):
    """Nothing beside the loss."""

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Nothing."""

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:  # noqa: ARG002 - none
        """None."""
        return {}
