"""Plans with rows in them."""

from functools import partial

import numpy as np

from lockstep.core.data.augmentations import Augmenter
from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.adding import PATIENCE, landing
from lockstep.core.engine.plan import Plan
from lockstep.core.ground.blas import Call
from lockstep.core.ground.shards import Place

MAX_COPIED_BYTES = 2**24
"""Inputs up to this size are kept with their ones as well: rows with gaps between them are loaded slowly."""
MAX_LANDINGS = 32
"""Places in the tree that a plan knows; a group that changes without end brings ever new ones."""


class RowLoader:
    """Puts rows of the data into `x` and `y`, or into `wide`, which is x with a column of ones."""

    def __init__(self, part: Part, x: np.ndarray, wide: np.ndarray | None, y: np.ndarray) -> None:
        # mode "clip" lets NumPy write straight into `out`; the row numbers are in range by construction.
        source, target = part.x, x
        if wide is not None and part.x.nbytes <= MAX_COPIED_BYTES:
            source, target = part.x_with_ones, wide
        self._take_x = partial(source.take, axis=0, out=target, mode="clip")
        self._take_y = partial(part.y.take, axis=0, out=y, mode="clip")
        self._rows = np.empty(0, np.intp)
        self._low = -1

    def load(self, rows: np.ndarray, low: int, high: int, *, anew: bool = False) -> bool:
        """Put the batch's rows `low` to `high` there; False where they lie there already, unless `anew`."""
        if rows is self._rows and low == self._low and not anew:
            return False
        self._rows, self._low = rows, low
        mine = rows[low:high]
        self._take_x(mine)
        self._take_y(mine)
        return True


class LoadedPlan:
    """A plan, and which rows lie in it: a job whose batch is all of its data loads them once.

    `load` (RowLoader.load) puts some into it; those that an augmenter has changed again for every run.
    """

    def __init__(self, plan: Plan, part: Part, augmenter: Augmenter | None) -> None:
        self.plan = plan
        self.augmenter = augmenter
        loader = RowLoader(part, plan.x, plan.x_with_ones, plan.y)
        self.load = loader.load if augmenter is None else partial(loader.load, anew=True)
        self._runs = 0
        self._landings: dict[tuple[int, bool], tuple[np.ndarray, list[Call]]] = {}

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
