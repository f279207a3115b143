"""Metrics of values: how far the outputs are from the targets."""

import math
from collections.abc import Sequence

import numpy as np

from core.metrics.tally import Tally

_PER_ELEMENT = 4
"""Sums for each element of a row: |error|, error², target, target²."""


class ValueTally(Tally):
    """Distances and squares, for each of the `elements` of a row by itself."""

    usual = ("mae", "rmse", "r2")
    known = usual

    def __init__(self, elements: int) -> None:
        self._elements = elements
        self.width = _PER_ELEMENT * elements

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """Sums over the rows, in float64."""
        targets = y.astype(np.float64)
        error = output.reshape(y.shape).astype(np.float64) - targets
        per_element = (np.abs(error), error * error, targets, targets * targets)
        sums[:] = np.concatenate([np.add.reduce(values, 0) for values in per_element])

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """`mae` and `rmse` over all elements; `r2`, from two rows on.

        r2 is the mean over the elements of 1 - Σ error² / Σ (target - mean)².
        """
        absolute, squared, target, target_squared = sums.reshape(_PER_ELEMENT, self._elements)
        count = rows * self._elements
        metrics = {"mae": float(absolute.sum()) / count, "rmse": math.sqrt(float(squared.sum()) / count)}
        if rows >= 2:
            spread = target_squared - target * target / rows
            metrics["r2"] = float(np.mean([_r2(*pair) for pair in zip(squared, spread, strict=True)]))
        return {name: metrics[name] for name in names if name in metrics}


def _r2(squared: float, spread: float) -> float:
    """1 - squared / spread; as in scikit-learn 1 or 0 for a target without spread, if it is met or not."""
    if spread > 0:
        return 1.0 - float(squared) / float(spread)
    return 1.0 if squared == 0 else 0.0
