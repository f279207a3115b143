"""Metrics of values: how far what the outputs say is from the targets."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from lockstep.core.metrics.base import Compared, Metric, OfErrors
from lockstep.core.metrics.spread import Spread
from lockstep.core.metrics.tally import Tally

Amounts = Callable[[np.ndarray], np.ndarray]


class MeanAbsoluteError(OfErrors):
    """The mean of |error| over all elements."""

    name = "mae"
    aliases = ("mean_absolute_error",)
    usual = True

    @staticmethod
    def term(error: np.ndarray) -> np.ndarray:
        """|error|."""
        distances: np.ndarray = np.abs(error)
        return distances

    def value(self, sums: np.ndarray, part: Compared) -> float:
        """Σ |error| / elements."""
        return float(sums.sum()) / (part.rows * len(sums)) * part.scale


def _square(error: np.ndarray) -> np.ndarray:
    squares: np.ndarray = error * error
    return squares


class RootMeanSquaredError(OfErrors):
    """The root of the mean of error² over all elements."""

    name = "rmse"
    aliases = ("root_mean_squared_error",)
    usual = True
    term = staticmethod(_square)

    def value(self, sums: np.ndarray, part: Compared) -> float:
        """√(Σ error² / elements)."""
        return math.sqrt(float(sums.sum()) / (part.rows * len(sums))) * part.scale


class R2(OfErrors):
    """The mean over the elements of 1 - Σ error² / Σ (target - mean)²."""

    name = "r2"
    aliases = ("r_squared",)
    usual = True
    term = staticmethod(_square)

    def value(self, sums: np.ndarray, part: Compared) -> float | None:
        """From two rows on."""
        if part.rows < 2 or part.spread is None:
            return None
        pairs = zip(sums.tolist(), part.spread.squares.tolist(), strict=True)
        return float(np.mean([_r2(*pair) for pair in pairs]))


def _r2(squared: float, spread: float) -> float:
    """1 - squared / spread; as in scikit-learn 1 or 0 for a target without spread, if it is met or not."""
    if spread > 0:
        return 1.0 - squared / spread
    if math.isnan(squared):
        return math.nan
    return 1.0 if squared == 0 else 0.0


class ValueTally(Tally):
    """The terms of the errors, for each of the `elements` of a row by itself.

    `amounts`: what an output says, on the scale of the targets. `spread`: that of the part's targets; without
    it there is no r2.
    """

    def __init__(
        self, elements: int, metrics: Sequence[Metric], amounts: Amounts, spread: Spread | None = None
    ) -> None:
        super().__init__(metrics)
        self._of_errors = {metric.called: metric for metric in metrics if isinstance(metric, OfErrors)}
        self._terms = list(dict.fromkeys(metric.term for metric in self._of_errors.values()))
        self._amounts = amounts
        self._spread = spread
        self._scale = spread.scale if spread else 1.0
        self.width = len(self._terms) * elements

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Sums over the rows, in float64, in units of the spread's scale."""
        targets = y.astype(np.float64) / self._scale
        error = self._amounts(output).reshape(y.shape).astype(np.float64) / self._scale - targets
        sums[:] = np.concatenate([np.add.reduce(term(error), 0) for term in self._terms])

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """Each from the sums of its own term."""
        part = Compared(rows=rows, scale=self._scale, spread=self._spread)
        by_term = dict(zip(self._terms, sums.reshape(len(self._terms), -1), strict=True))
        wanted = ((name, self._of_errors.get(name)) for name in names)
        values = {name: metric.value(by_term[metric.term], part) for name, metric in wanted if metric}
        return {name: value for name, value in values.items() if value is not None}
