"""Metrics of values: how far the outputs are from the targets."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from lockstep.core.metrics.spread import Spread
from lockstep.core.metrics.tally import Tally

Amounts = Callable[[np.ndarray], np.ndarray]
_PER_ELEMENT = 2
"""Sums for each element of a row: |error|, error². Neither has digits to lose: their terms have one sign."""


class ValueTally(Tally):
    """Distances and squares, for each of the `elements` of a row by itself.

    `amounts`: what an output says, on the scale of the targets. `spread`: that of the part's targets; without
    it there is no r2.
    """

    usual = ("mae", "rmse", "r2")
    known = usual

    def __init__(self, elements: int, amounts: Amounts, spread: Spread | None = None) -> None:
        self._elements = elements
        self._amounts = amounts
        self._spread = spread
        self._scale = spread.scale if spread else 1.0
        self.width = _PER_ELEMENT * elements

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Sums over the rows, in float64, in units of the spread's scale."""
        targets = y.astype(np.float64) / self._scale
        error = self._amounts(output).reshape(y.shape).astype(np.float64) / self._scale - targets
        sums[:] = np.concatenate([np.add.reduce(values, 0) for values in (np.abs(error), error * error)])

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """`mae` and `rmse` over all elements; `r2`, from two rows on.

        r2 is the mean over the elements of 1 - Σ error² / Σ (target - mean)².
        """
        absolute, squared = sums.reshape(_PER_ELEMENT, self._elements)
        count, scale = rows * self._elements, self._scale
        metrics = {
            "mae": float(absolute.sum()) / count * scale,
            "rmse": math.sqrt(float(squared.sum()) / count) * scale,
        }
        if rows >= 2 and self._spread:
            pairs = zip(squared.tolist(), self._spread.squares.tolist(), strict=True)
            metrics["r2"] = float(np.mean([_r2(*pair) for pair in pairs]))
        return {name: metrics[name] for name in names if name in metrics}


def _r2(squared: float, spread: float) -> float:
    """1 - squared / spread; as in scikit-learn 1 or 0 for a target without spread, if it is met or not."""
    if spread > 0:
        return 1.0 - squared / spread
    if math.isnan(squared):
        return math.nan
    return 1.0 if squared == 0 else 0.0
