"""Which rows make the batch of a step. It follows from (seed, epoch, step) alone: no state is carried."""

from typing import Literal

import numpy as np

from lockstep.core.ground.random import generator


class Batches:
    """The batches of all steps, over `rows` training rows.

    Each epoch goes over every row once, in a new order if `shuffle`, else in the data's. The last batch of an
    epoch may be shorter. `batch_size` "full" is one step an epoch, all rows in the data's order: shuffling
    would only change in which order the same numbers are added, so `shuffle` has no effect then. `is_fixed`:
    whether all steps have the same rows in the same order.
    """

    def __init__(self, rows: int, batch_size: int | Literal["full"], shuffle: bool, seed: int) -> None:
        self._rows = rows
        self._batch = rows if batch_size == "full" else min(batch_size, rows)
        self._shuffle = shuffle and batch_size != "full"
        self._seed = seed
        self._epoch = -1
        self._order = np.arange(rows, dtype=np.intp)
        self._order.flags.writeable = False
        self.steps_per_epoch = steps_in_epoch(rows, batch_size)
        self.is_fixed = self.steps_per_epoch == 1 and not self._shuffle

    def rows_of(self, step: int) -> np.ndarray:
        """The row numbers of the global batch of `step` (counted from 0): intp, read-only.

        The same array again, not a copy, where an epoch is one step in the data's order.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._shuffle and epoch != self._epoch:
            self._order = (
                generator(self._seed, "epoch", epoch).permutation(self._rows).astype(np.intp, copy=False)
            )
            self._order.flags.writeable = False
            self._epoch = epoch
        if self._batch == self._rows:
            return self._order
        return self._order[position * self._batch : (position + 1) * self._batch]


def steps_in_epoch(rows: int, batch_size: int | Literal["full"]) -> int:
    """How many batches cover `rows` rows, the last one perhaps shorter."""
    return 1 if batch_size == "full" else -(-rows // batch_size)
