"""The work of a step: the shards of one global batch, each through its plan, added in the fixed tree."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from core.buffers import aligned
from core.data.batches import Batches
from core.data.dataset import Part
from core.graph import Graph
from core.losses import denominator
from core.parameters import Parameters
from core.plan import Plan
from core.shards import Block, TreeSum, shard_rows
from core.spec import ResolvedSpec


@dataclass(frozen=True)
class StepData:
    """The rows to learn from, and the rule that says which of them make the batch of a step."""

    part: Part
    batches: Batches


class StepWork:
    """What a member computes in a step: sums of loss and gradient over blocks of shards (a `Work`).

    A partial is a vector (P + 1,): the gradient of the P parameters, then the sum of the losses. The gradient
    of a shard's loss is divided by the whole batch's denominator, so partials need only be added.
    """

    def __init__(self, spec: ResolvedSpec, graph: Graph, parameters: Parameters, data: StepData) -> None:
        self.leaves = spec.shards
        self.dtype = parameters.dtype
        self.width = graph.size + 1
        self.total = aligned(self.width, self.dtype)
        self._loss = spec.loss
        self._graph = graph
        self._parameters = parameters
        self._data = data
        self._leaf = aligned(self.width, self.dtype)
        # By rows. A plan writes where it was built to write: the first shard into `total` saves a copy.
        self._plans_into_total: dict[int, LoadedPlan] = {}
        self._plans_into_leaf: dict[int, LoadedPlan] = {}
        self._leaf_blocks = tuple(Block(shard, 1) for shard in range(self.leaves))
        self._tree = TreeSum(self.width, self.dtype)
        self._rows = np.empty(0, np.intp)
        self._denominator = 1.0

    @property
    def batch(self) -> np.ndarray:
        """The inputs of the current batch (n, columns)."""
        return self._data.part.x[self._rows]

    @property
    def loss(self) -> float:
        """The batch's loss, from the last all-reduce into `total`."""
        return float(self.total[-1]) / self._denominator

    def select(self, step: int) -> None:
        """Turn to the global batch of `step`."""
        rows = self._data.batches.rows_of(step)
        if rows is not self._rows:
            self._rows = rows
            self._denominator = denominator(self._loss, len(rows), self._graph.outputs)

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """Put the sum over the block's shards into `out` (P + 1,); False where all of them are empty."""
        self._tree.start(out)
        target = out if out is self.total else self._leaf
        for shard in range(block.first, block.end):
            if self._run(shard, target):
                self._tree.add(self._leaf_blocks[shard], target)
                target = self._leaf
        return self._tree.finish()

    def _run(self, shard: int, target: np.ndarray) -> bool:
        """Leave gradient and loss sum of one shard in `target`; False where it has no rows."""
        low, high = shard_rows(shard, self.leaves, len(self._rows))
        if low == high:
            return False
        plans = self._plans_into_total if target is self.total else self._plans_into_leaf
        loaded = plans.get(high - low)
        if loaded is None:
            plan = Plan(self._graph, self._loss, high - low, self._parameters, target)
            loaded = plans[high - low] = LoadedPlan(plan, self._data.part)
        loaded.load(self._rows, low, high)
        loaded.plan.denominator[()] = self._denominator
        loaded.plan.run()
        return True


class LoadedPlan:
    """A plan, and which rows lie in it: a job whose batch is all of its data loads them once."""

    def __init__(self, plan: Plan, part: Part) -> None:
        self.plan = plan
        # mode "clip" lets NumPy write straight into `out`; the row numbers are in range by construction.
        self._take_x = partial(part.x.take, axis=0, out=plan.x, mode="clip")
        self._take_y = partial(part.y.take, axis=0, out=plan.y, mode="clip")
        self._rows = np.empty(0, np.intp)
        self._low = -1

    def load(self, rows: np.ndarray, low: int, high: int) -> None:
        """Put the batch's rows `low` to `high` into the plan."""
        if rows is self._rows and low == self._low:
            return
        self._rows, self._low = rows, low
        mine = rows[low:high]
        self._take_x(mine)
        self._take_y(mine)
