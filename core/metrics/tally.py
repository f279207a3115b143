"""What is counted over a part's rows beside the loss: sums that need only be added, and what they say."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from lockstep.core.metrics.base import Metric


class Tally(ABC):
    """Counts behind some metrics, for one kind of targets. `width`: how many sums there are."""

    width: int = 0

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.by_name = {metric.called: metric for metric in metrics}

    @property
    def known(self) -> tuple[str, ...]:
        """The single numbers that follow from the sums."""
        return tuple(name for name, metric in self.by_name.items() if not metric.at_the_end)

    @property
    def at_the_end(self) -> tuple[str, ...]:
        """What only the result has."""
        return tuple(name for name, metric in self.by_name.items() if metric.at_the_end)

    @property
    def usual(self) -> tuple[str, ...]:
        """Those that follow each epoch if the spec names none."""
        return tuple(name for name, metric in self.by_name.items() if metric.usual)

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
