"""Evaluation of the current weights on a part of the data: fixed chunks of rows, added in the fixed tree."""

import numpy as np

from core.data.dataset import Part
from core.graph import Graph
from core.group import Group
from core.metrics import SUMS_DTYPE, Evaluation, metrics_from, sums_width
from core.parameters import Parameters
from core.shards import Block, TreeSum
from core.spec import ResolvedSpec

EVALUATION_ROWS = 256
"""Rows of a chunk: fixed, since it decides bits. The last chunk may be shorter."""


class EvaluationWork:
    """The sums behind loss and metrics over chunks of one part of the data (a `Work`)."""

    def __init__(self, spec: ResolvedSpec, graph: Graph, parameters: Parameters, part: Part) -> None:
        self.leaves = -(-part.rows // EVALUATION_ROWS)
        self.dtype = SUMS_DTYPE
        self.width = sums_width(spec.loss, graph.outputs)
        self._loss = spec.loss
        self._graph = graph
        self._parameters = parameters
        self._part = part
        self._evaluations: dict[int, Evaluation] = {}
        self._tree = TreeSum(self.width, self.dtype)
        self._total = np.zeros(self.width, self.dtype)

    def metrics(self, group: Group) -> dict[str, float]:
        """Loss and metrics of the whole part, the same bits on every member; all members call it together."""
        group.all_reduce(self, self._total, admits=True)
        return metrics_from(self._total, self._loss, self._graph.outputs)

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """Put the sums over the block's chunks into `out` (width,); False where it lies beyond the rows."""
        self._tree.start(out)
        for chunk in range(block.first, min(block.end, self.leaves)):
            self._tree.add(Block(chunk, 1), self._sums_of(chunk))
        return self._tree.finish()

    def _sums_of(self, chunk: int) -> np.ndarray:
        low = chunk * EVALUATION_ROWS
        high = min(low + EVALUATION_ROWS, self._part.rows)
        evaluation = self._evaluations.get(high - low)
        if evaluation is None:
            evaluation = Evaluation(self._graph, self._loss, self._parameters, high - low)
            self._evaluations[high - low] = evaluation
        evaluation.x[...] = self._part.x[low:high]
        evaluation.y[...] = self._part.y[low:high]
        evaluation.run()
        return evaluation.sums
