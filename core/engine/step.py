"""The work of a step: the shards of one global batch, each through its plan, added in the fixed tree."""

from dataclasses import dataclass

import numpy as np

from lockstep.core.data.augmentations import AugmentedRows, Augmenter
from lockstep.core.data.batches import Batches
from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.loaded_plan import LoadedPlan
from lockstep.core.engine.fast.patience import Patience
from lockstep.core.engine.fast.together import Together
from lockstep.core.engine.plan import Plan
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block, Place, TreeSum, shard_rows
from lockstep.core.losses import Denominators, loss_of
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import ResolvedSpec


@dataclass(frozen=True)
class StepData:
    """The rows to learn from, and the rule that says which of them make the batch of a step."""

    part: Part
    batches: Batches


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Rows that pass through the model together, as augmentation leaves them; `row` is the one asked for.

    `x` (rows, columns), `y` as the plan takes it; `number` decides the random numbers.
    """

    x: np.ndarray
    y: np.ndarray
    row: int
    number: int


class StepWork:
    """What a member computes in a step: sums of loss and gradient over blocks of shards (a `Work`).

    A partial is a vector (P + S + 1,): the gradient of the P parameters, what the shards tell of their
    moments (core/engine/moments.py), then the sum of the losses. The gradient of a shard's loss is divided by
    the whole batch's denominator, so partials need only be added. `counts`: whether any target of the current
    batch counts; where all are ignored, loss and gradient are 0. `is_fixed`: whether each step has the same
    rows, unchanged.

    Where a spec accumulates, each shard is worked through in that many pieces, cut from it as shards are cut
    from a batch and added from the first to the last: the arrays have a piece's size, not a shard's.

    `look_up`: see Work; None where steps are short.
    """

    def __init__(self, spec: ResolvedSpec, graph: Graph, parameters: Parameters, data: StepData) -> None:
        self.leaves = spec.shards
        self.dtype = parameters.dtype
        self.width = graph.size + graph.statistics + 1
        self.total = aligned(self.width, self.dtype)
        self.gradient = self.total[: graph.size]
        self.statistics = self.total[graph.size : -1]
        self._loss_sum = self.total[-1:].reshape(())
        self.is_fixed = data.batches.is_fixed and not spec.data.augment
        self._seed = spec.seed
        self._step = 0
        self._loss = spec.loss
        self._augment = spec.data.augment
        self._graph = graph
        self.parameters = parameters
        self._data = data
        self._pieces = spec.accumulate
        self._leaf = aligned(self.width, self.dtype)
        self._piece = aligned(self.width if self._pieces > 1 else 0, self.dtype)
        # By rows. A plan writes where it was built to write: the first shard into `total` saves a copy.
        self._plans_into_total: dict[int, LoadedPlan] = {}
        self._plans_into_leaf: dict[int, LoadedPlan] = {}
        self._plans_into_piece: dict[int, LoadedPlan] = {}
        self._together = Patience(spec.loss, parameters, data.part, spec.seed)
        self._leaf_blocks = tuple(Block(shard, 1) for shard in range(self.leaves))
        self._tree = TreeSum(self.width, self.dtype)
        self._rows = np.empty(0, np.intp)
        self.denominators = Denominators(spec.loss, data.part.y)
        self._denominator = 1.0
        self.counts = True
        self.look_up: LookUp | None = None

    @property
    def batch(self) -> np.ndarray:
        """The inputs of the current batch (n, columns)."""
        return self._data.part.x[self._rows]

    def first_rows(self, most: int) -> np.ndarray:
        """At most this many inputs of the current batch's first shard that has any (n, columns)."""
        ends = (shard_rows(shard, self.leaves, len(self._rows))[1] for shard in range(self.leaves))
        first = self._rows[: min(next(end for end in ends if end), most)]
        rows: np.ndarray = self._data.part.x.take(first, axis=0)
        return rows

    @property
    def rows(self) -> int:
        """How many rows the current batch has."""
        return len(self._rows)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches go over all rows once."""
        return self._data.batches.steps_per_epoch

    @property
    def training_rows(self) -> int:
        """How many rows there are to learn from."""
        return self._data.part.rows

    @property
    def losses(self) -> float:
        """The sum of the batch's losses before its division, from the last all-reduce into `total`."""
        return float(self._loss_sum.item())

    @property
    def loss(self) -> float:
        """The batch's loss."""
        return self.losses / self._denominator

    def select(self, step: int) -> None:
        """Turn to the global batch of `step`."""
        self._step = step
        rows = self._data.batches.rows_of(step)
        if rows is not self._rows:
            self._rows = rows
            counted = self.denominators.of(rows)
            self.counts = counted > 0
            self._denominator = counted if self.counts else 1.0

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """Put the sum over the block's shards into `out` (width,); False where all of them are empty."""
        if block.count == 1 and out is self.total:
            return self._run(block.first, out)
        together = self._all_together(block)
        if together is not None:
            self._look_up()
            together.run(self._rows, block.first, self._denominator, out, self._step)
            return True
        self._tree.start(out)
        for shard in range(block.first, block.end):
            low, high = shard_rows(shard, self.leaves, len(self._rows))
            if low < high:
                self._look_up()
                place = self._tree.place(self._leaf_blocks[shard])
                self._put(shard, place)
                self._tree.placed(place)
        return self._tree.finish()

    def _look_up(self) -> None:
        if self.look_up is not None:
            self.look_up()

    def _put(self, shard: int, place: Place) -> None:
        """Leave gradient and loss sum of one shard in its place in the tree, which adds to it or not."""
        if self._pieces > 1:
            self._run(shard, self._leaf)
            place.put(self._leaf)
            return
        low, high = shard_rows(shard, self.leaves, len(self._rows))
        loaded, changed = self._ready(low, high, shard, self._leaf)
        loaded.run_into(place, self._leaf, loaded=changed)

    def _all_together(self, block: Block) -> Together | None:
        """The block's shards at once, where they are alike and it pays; which alters no bits."""
        rows, uneven = divmod(len(self._rows), self.leaves)
        if block.count == 1 or uneven or not rows or self._pieces > 1 or self._augment:
            return None
        return self._together.plan((block.count, rows))

    def _run(self, shard: int, target: np.ndarray) -> bool:
        """Leave gradient and loss sum of one shard in `target`; False where it has no rows."""
        low, high = shard_rows(shard, self.leaves, len(self._rows))
        if low == high:
            return False
        if self._pieces > 1:
            self._run_pieces(low, high, shard, target)
        else:
            self._run_rows(low, high, shard, target)
        return True

    def _run_pieces(self, low: int, high: int, shard: int, target: np.ndarray) -> None:
        """Leave the sum over the pieces of a shard in `target`; each has random numbers of its own."""
        into = target
        for piece in range(self._pieces):
            first, end = shard_rows(piece, self._pieces, high - low)
            if first == end:
                continue
            self._look_up()
            self._run_rows(low + first, low + end, shard * self._pieces + piece, into)
            if into is not target:
                np.add(target, into, target)
            into = self._piece

    def _run_rows(self, low: int, high: int, number: int, target: np.ndarray) -> None:
        """Leave gradient and loss sum of some of the batch's rows in `target`.

        `number`, the shard's or that of the piece among all of them, decides the random numbers.
        """
        loaded, changed = self._ready(low, high, number, target)
        loaded.plan.run(loaded=changed)

    def ready(self) -> Plan:
        """The plan of the whole batch as one shard in one piece, its rows loaded; it writes into `total`."""
        loaded, changed = self._ready(0, len(self._rows), 0, self.total)
        if changed:
            loaded.plan.load()
        return loaded.plan

    def _ready(self, low: int, high: int, number: int, target: np.ndarray) -> tuple[LoadedPlan, bool]:
        """The plan of some of the batch's rows (see _run_rows), and whether others lay in it before."""
        plans = self._plans_into_total if target is self.total else self._plans_into_leaf
        plans = self._plans_into_piece if target is self._piece else plans
        loaded = plans.get(high - low)
        if loaded is None:
            plan = Plan(self._loss, high - low, self.parameters, target, self._seed)
            loaded = plans[high - low] = LoadedPlan(plan, self._data.part, self._augmenter(plan))
        changed = loaded.load(self._rows, low, high)
        if loaded.augmenter is not None:
            loaded.augmenter.apply(self._step, number)
        if changed:
            loaded.plan.denominator[()] = self._denominator
        if loaded.plan.draws:
            loaded.plan.at(self._step, number)
        return loaded, changed

    def seen(self, sample: int) -> Seen:
        """The rows that pass together with row `sample` of the current batch. It must be one of the batch."""
        for shard in range(self.leaves):
            start, stop = shard_rows(shard, self.leaves, len(self._rows))
            for piece in range(self._pieces):
                first, end = shard_rows(piece, self._pieces, stop - start)
                low, high, number = start + first, start + end, shard * self._pieces + piece
                if low <= sample < high:
                    self._run_rows(low, high, number, self._leaf)
                    plan = self._plans_into_leaf[high - low].plan
                    return Seen(x=plan.x.copy(), y=plan.y.copy(), row=sample - low, number=number)
        raise IndexError(f"expected a row of the batch of {len(self._rows)}, got {sample}")

    def _augmenter(self, plan: Plan) -> Augmenter | None:
        """What changes the rows in the plan, if the spec asks for it."""
        if not self._augment:
            return None
        mixes = any(settings.mixes_targets for settings in self._augment)
        mixing = plan.mix() if mixes and not loss_of(self._loss).mixes else None
        rows = AugmentedRows(x=plan.x, y=plan.y, mixing=mixing)
        return Augmenter(self._augment, self._seed, rows)
