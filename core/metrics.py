"""Loss and metrics of the current weights: sums over a chunk of rows, and what follows from their total.

Sums of chunks need only be added, so chunks can be spread over members. They are float64 for either dtype.
"""

import math

import numpy as np

from core.graph import Graph
from core.losses import LossSite, LossSpec, delta_of, denominator, loss_of
from core.ops.base import Call
from core.parameters import Parameters
from core.program import Options, Program

SUMS_DTYPE = np.dtype(np.float64)

_COMMON = 2
"""Every vector of sums begins with the rows and the loss."""
_PER_OUTPUT = 4
"""Sums for each output of a regression: |error|, error², target, target²."""


def is_classifier(loss: LossSpec) -> bool:
    """Whether the loss is one of class probabilities: then there is an accuracy, else mae, rmse and r2."""
    return loss.type in ("cross_entropy", "binary_cross_entropy")


def sums_width(loss: LossSpec, outputs: int) -> int:
    """The length of the vector of sums of a model with so many outputs."""
    return _COMMON + (1 if is_classifier(loss) else _PER_OUTPUT * outputs)


class Evaluation:
    """Forward and sums for chunks of `rows` rows.

    The caller fills `x` and `y` as for a Plan and keeps numpy's warnings off; `run` then leaves the chunk's
    sums in `sums` (width,) float64.
    """

    def __init__(self, graph: Graph, loss: LossSpec, parameters: Parameters, rows: int) -> None:
        kind = loss_of(loss)
        program = Program(graph, rows, parameters, Options(rows_last=kind.rows_last))
        calls: list[Call] = []
        self._loss = loss
        self._total = np.zeros((), parameters.dtype)
        self.x = program.x
        self.y = kind.targets(program.output)
        self.width = sums_width(loss, graph.outputs)
        self.sums = np.zeros(self.width, SUMS_DTYPE)
        self._output = program.output
        kind.forward(
            LossSite(
                dtype=parameters.dtype,
                calls=calls,
                output=program.output,
                y=self.y,
                denominator=np.ones((), parameters.dtype),
                total=self._total,
                gradient=np.empty(0),
                delta=delta_of(loss),
            )
        )
        self._calls = [*program.forward, *calls]

    def run(self) -> None:
        """Leave the sums of the rows in `x` and `y` in `sums`."""
        for call in self._calls:
            call()
        self.sums[0] = len(self.x)
        self.sums[1] = self._total
        if is_classifier(self._loss):
            self.sums[_COMMON] = self._correct()
        else:
            error, y = self._output.astype(SUMS_DTYPE) - self.y, self.y.astype(SUMS_DTYPE)
            per_output = (np.abs(error), error * error, y, y * y)
            self.sums[_COMMON:] = np.concatenate([np.add.reduce(values, 0) for values in per_output])

    def _correct(self) -> int:
        """How many classes are right: the largest logit (of equals the first), or each element's sign."""
        if loss_of(self._loss).classes:
            return int(np.count_nonzero(self._output.argmax(axis=1) == self.y))
        return int(np.count_nonzero((self._output >= 0) == (self.y >= 0.5)))


def metrics_from(sums: np.ndarray, loss: LossSpec, outputs: int) -> dict[str, float]:
    """The metrics of a part of the data from its sums (width,).

    `loss`, and for a classifier `accuracy` (of elements for binary_cross_entropy); else `mae` and `rmse` over
    all elements and `r2`, the mean over the outputs of 1 - Σ error² / Σ (target - mean)², from two rows on.
    """
    rows = int(sums[0])
    metrics = {"loss": float(sums[1]) / denominator(loss, rows, outputs)}
    if is_classifier(loss):
        counted = rows if loss_of(loss).classes else rows * outputs
        return metrics | {"accuracy": float(sums[_COMMON]) / counted}
    absolute, squared, target, target_squared = sums[_COMMON:].reshape(_PER_OUTPUT, outputs)
    metrics["mae"] = float(absolute.sum()) / (rows * outputs)
    metrics["rmse"] = math.sqrt(float(squared.sum()) / (rows * outputs))
    if rows >= 2:
        spread = target_squared - target * target / rows
        metrics["r2"] = float(np.mean([_r2(*pair) for pair in zip(squared, spread, strict=True)]))
    return metrics


def _r2(squared: float, spread: float) -> float:
    """1 - squared / spread; as in scikit-learn 1 or 0 for a target without spread, if it is met or not."""
    if spread > 0:
        return 1.0 - float(squared) / float(spread)
    return 1.0 if squared == 0 else 0.0
