"""What a batch's loss sum is divided by: known to every member, from the targets alone."""

import numpy as np

from lockstep.core.losses.base import LossSpec
from lockstep.core.losses.kinds import loss_of


class Denominators:
    """The denominators of batches of the targets `y` (rows, ...), as core.data gives them.

    The number of elements, of rows or of targets, or 1, as the loss has it; with class weights or an ignored
    target the sum of the counted targets' weights.
    """

    def __init__(self, loss: LossSpec, y: np.ndarray) -> None:
        mean = loss_of(loss).mean
        self._rows = len(y)
        self._counted = weight_by_row(loss, y) if mean == "weights" else None
        self._of_a_row = float(y.size // len(y)) if mean in ("elements", "targets", "weights") else 1.0
        self._fixed = mean == "none"

    def of(self, rows: np.ndarray) -> float:
        """That of the batch of the rows with these numbers; 0 where none of its targets count."""
        if self._counted is not None:
            return float(self._counted.take(rows).sum())
        return 1.0 if self._fixed else len(rows) * self._of_a_row

    @property
    def of_all(self) -> float:
        """That of all rows as one batch."""
        return self.of(np.arange(self._rows))


def denominator(loss: LossSpec, y: np.ndarray) -> float:
    """What the loss sum of the targets `y`, as one batch, is divided by; 0 where none of them count."""
    return Denominators(loss, y).of_all


def weight_by_row(loss: LossSpec, y: np.ndarray) -> np.ndarray | None:
    """The sum of the targets' weights of each row, ignored ones 0, float64 (rows,); None where all are alike.

    Not every loss is divided by these weights, but a row of weight 0 adds nothing to any.
    """
    kind = loss_of(loss)
    ignored, weights = kind.targets.ignored, kind.class_weights
    if weights is None and ignored is None:
        return None
    counts = np.ones(y.shape) if ignored is None else (y != ignored).astype(np.float64)
    if weights is not None:
        counts *= np.array(weights).take(y, mode="clip")
    by_row: np.ndarray = counts.reshape(len(y), -1).sum(axis=1)
    return by_row
