"""Plans with rows in them, of one shard or of several at once."""

from functools import partial

import numpy as np

from lockstep.core.data.augmentations import Augmenter
from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.adding import PATIENCE, landing
from lockstep.core.engine.plan import Plan
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.shards import Place
from lockstep.core.losses import LossSpec
from lockstep.core.model.parameters import Parameters

MAX_COPIED_BYTES = 2**24
"""Inputs up to this size are kept with their ones as well: rows with gaps between them are loaded slowly."""
MAX_LANDINGS = 32
"""Places in the tree that a plan knows; a group that changes without end brings ever new ones."""


class Stack:
    """A block of `shards` shards of `rows` rows each, all of them through each call of one plan.

    Their partials are added in the tree: a block's leaves are all there, and as many as a power of two.
    """

    def __init__(self, loss: LossSpec, shape: tuple[int, int], parameters: Parameters, part: Part) -> None:
        self._shards, self._rows = shape
        graph = parameters.graph
        partials = aligned((self._shards, graph.size + graph.statistics + 1), parameters.dtype)
        self._loaded = LoadedPlan(Plan(loss, self._rows, parameters, partials), part, None)
        self._total = partials[0]
        self._additions: list[Call] = []
        span = 1
        while span < self._shards:
            left, right = partials[:: 2 * span], partials[span :: 2 * span]
            self._additions.append(partial(np.add, left, right, left))
            span *= 2

    def run(self, rows: np.ndarray, first: int, denominator: float, out: np.ndarray) -> None:
        """Leave in `out` (width,) the sum over the shards from `first` on of a batch of these rows."""
        changed = self._loaded.load(rows, first * self._rows, (first + self._shards) * self._rows)
        if changed:
            self._loaded.plan.denominator[()] = denominator
        self._loaded.plan.run(loaded=changed)
        for add in self._additions:
            add()
        np.copyto(out, self._total)


class LoadedPlan:
    """A plan, and which rows lie in it: a job whose batch is all of its data loads them once.

    Rows that an augmenter has changed are loaded again for every run.
    """

    def __init__(self, plan: Plan, part: Part, augmenter: Augmenter | None) -> None:
        self.plan = plan
        self.augmenter = augmenter
        # mode "clip" lets NumPy write straight into `out`; the row numbers are in range by construction.
        source, target = part.x, plan.x
        if plan.x_with_ones is not None and part.x.nbytes <= MAX_COPIED_BYTES:
            source, target = part.x_with_ones, plan.x_with_ones
        self._take_x = partial(source.take, axis=0, out=target, mode="clip")
        self._take_y = partial(part.y.take, axis=0, out=plan.y, mode="clip")
        self._rows = np.empty(0, np.intp)
        self._low = -1
        self._runs = 0
        self._landings: dict[tuple[int, bool], tuple[np.ndarray, list[Call]]] = {}

    def load(self, rows: np.ndarray, low: int, high: int) -> bool:
        """Put the batch's rows `low` to `high` into the plan; False where they lie there already."""
        if rows is self._rows and low == self._low and self.augmenter is None:
            return False
        self._rows, self._low = rows, low
        mine = rows[low:high]
        self._take_x(mine)
        self._take_y(mine)
        return True

    def run_into(self, place: Place, written: np.ndarray, *, loaded: bool) -> None:
        """Run the plan, which writes into `written`, and put what comes into its place in the tree.

        `loaded`: see Plan.run. After some runs the products go to their places themselves where they can.
        """
        plan, key = self.plan, (id(place.target), place.adds)
        _, calls = self._landings.get(key, (None, None))
        if calls is None:
            plan.run(loaded=loaded)
            place.put(written)
            self._learn(place, written)
            return
        if loaded:
            plan.load()
        for call in plan.until_loss:
            call()
        for call in calls:
            call()

    def _learn(self, place: Place, written: np.ndarray) -> None:
        self._runs += 1
        if self._runs > PATIENCE and len(self._landings) < MAX_LANDINGS:
            # The array is kept, so that no other one gets its number.
            calls = landing(self.plan, written, place.target, adds=place.adds)
            self._landings[id(place.target), place.adds] = (place.target, calls)
