"""Evaluation of the current weights on a part of the data: fixed chunks of rows, added in the fixed tree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lockstep.core.data.dataset import Dataset, Part
from lockstep.core.engine.price import row_price
from lockstep.core.engine.program import Options, Program
from lockstep.core.ground.blas import Call
from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block, TreeSum
from lockstep.core.group import Group
from lockstep.core.group.solo import SoloGroup
from lockstep.core.losses import LossSite, LossSpec, denominator, loss_of
from lockstep.core.metrics import Tally, chosen, tally_of
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import ResolvedSpec

EVALUATION_ROWS = 256
"""Rows of a chunk: fixed, since it decides bits. The last chunk may be shorter."""
SUMS_DTYPE = np.dtype(np.float64)
MAX_SCORES = 20_000_000
"""With more outputs than this in a part there is no ROC AUC: they would have to be sorted in memory."""
LONG_SECONDS = 0.05
LONG_BESIDE_STATE = 20
"""Where a long evaluation may be interrupted a copy of the state is kept, which takes less by so much."""
STATE_NUMBERS, NUMBERS_PER_SECOND = 4, 5e8
"""How many numbers are copied for each parameter, about, and how fast."""


def is_long(graph: Graph, rows: int) -> bool:
    """Whether so many rows take so long that somebody may want it to stop, by the sizes alone."""
    copied = STATE_NUMBERS * graph.size / NUMBERS_PER_SECOND
    return row_price(graph).forward_seconds * rows >= max(LONG_SECONDS, LONG_BESIDE_STATE * copied)


class Evaluation:
    """Forward and sums for chunks of `rows` rows.

    The caller fills `x` and `y` as for a Plan and keeps numpy's warnings off; `run` then leaves the loss and
    the tally's counts of the chunk in `sums` (1 + tally.width,) float64, and the model's in `output`.
    """

    def __init__(self, loss: LossSpec, tally: Tally, parameters: Parameters, rows: int) -> None:
        kind = loss_of(loss)
        program = Program(parameters.graph, rows, parameters, Options(rows_last=kind.rows_last))
        calls: list[Call] = []
        self._tally = tally
        self._total = np.zeros((), parameters.dtype)
        self.x = program.x
        self.y = kind.room(program.output)
        self.output = program.output
        self.sums = np.zeros(1 + tally.width, SUMS_DTYPE)
        kind.forward(
            LossSite(
                dtype=parameters.dtype,
                calls=calls,
                output=program.output,
                y=self.y,
                denominator=np.ones((), parameters.dtype),
                total=self._total,
                gradient=np.empty(0),
            )
        )
        self._calls = [*program.forward, *calls]

    def run(self) -> None:
        """Leave the sums of the rows in `x` and `y` in `sums`."""
        for call in self._calls:
            call()
        self.sums[0] = self._total
        self._tally.add(self.output, self.y, self.sums[1:])


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a finished job says of one part of its data: single numbers, and arrays, by their names."""

    metrics: dict[str, float]
    tables: dict[str, np.ndarray] = field(default_factory=dict)


class EvaluationWork:
    """The sums behind loss and metrics over chunks of one part of the data (a `Work`).

    `look_up`: see Work; to be set only where it `is_long`: the update before it has to be undone then.
    """

    def __init__(self, spec: ResolvedSpec, graph: Graph, parameters: Parameters, part: Part) -> None:
        self.leaves = -(-part.rows // EVALUATION_ROWS)
        self.dtype = SUMS_DTYPE
        self._tally = tally_of(spec.loss, spec.metrics, graph.output_shape, part.y)
        self._names = chosen(self._tally, spec.metrics)
        self.width = 1 + self._tally.width
        self._loss = spec.loss
        self._graph = graph
        self._parameters = parameters
        self._part = part
        self._denominator = denominator(spec.loss, part.y)
        self._evaluations: dict[int, Evaluation] = {}
        self._tree = TreeSum(self.width, self.dtype)
        self._total = np.zeros(self.width, self.dtype)
        self._outputs: np.ndarray | None = None
        self.look_up: LookUp | None = None
        self.is_long = is_long(graph, part.rows)

    def metrics(self, group: Group, *, admits: bool = True) -> dict[str, float]:
        """The loss and the metrics that follow each epoch, over the whole part.

        The same bits on every member; all members call it together. `admits` as for Group.all_reduce.
        """
        group.all_reduce(self, self._total, admits=admits)
        return self._said(self._names)

    def measure(self, *, all_metrics: bool) -> Measurement:
        """What the result says of the part, computed alone; without `all_metrics` as after an epoch."""
        if not all_metrics:
            return Measurement(metrics=self.metrics(SoloGroup()))
        scores = self._part.rows * math.prod(self._graph.output_shape)
        if scores <= MAX_SCORES:
            self._outputs = np.empty((self._part.rows, *self._graph.output_shape), self._parameters.dtype)
        try:
            SoloGroup().all_reduce(self, self._total, admits=True)
            metrics = self._said(self._tally.known)
            if self._outputs is not None:
                metrics |= self._tally.of_outputs(self._outputs, self._part.y)
        finally:
            self._outputs = None
        return Measurement(metrics=metrics, tables=self._tally.tables(self._total[1:]))

    def _said(self, names: Sequence[str]) -> dict[str, float]:
        """The loss, NaN where no target of the part counts, and the metrics `names`."""
        loss = float(self._total[0]) / self._denominator if self._denominator else math.nan
        return {"loss": loss} | self._tally.metrics(self._total[1:], self._part.rows, names)

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """Put the sums over the block's chunks into `out` (width,); False where it lies beyond the rows."""
        self._tree.start(out)
        for chunk in range(block.first, min(block.end, self.leaves)):
            if self.look_up is not None:
                self.look_up()
            self._tree.add(Block(chunk, 1), self._sums_of(chunk))
        return self._tree.finish()

    def _sums_of(self, chunk: int) -> np.ndarray:
        low = chunk * EVALUATION_ROWS
        high = min(low + EVALUATION_ROWS, self._part.rows)
        evaluation = self._evaluations.get(high - low)
        if evaluation is None:
            evaluation = Evaluation(self._loss, self._tally, self._parameters, high - low)
            self._evaluations[high - low] = evaluation
        evaluation.x[...] = self._part.x[low:high]
        evaluation.y[...] = self._part.y[low:high]
        evaluation.run()
        if self._outputs is not None:
            self._outputs[low:high] = evaluation.output
        return evaluation.sums


def evaluations_of(
    spec: ResolvedSpec, graph: Graph, parameters: Parameters, dataset: Dataset
) -> dict[str, EvaluationWork]:
    """That of each part of the data that there is, by its name."""
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    there = {name: part for name, part in parts.items() if part is not None}
    return {name: EvaluationWork(spec, graph, parameters, part) for name, part in there.items()}
