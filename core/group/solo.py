"""A group of one: the same arithmetic with nobody to talk to."""

from collections.abc import Callable

import numpy as np

from lockstep.core.ground.shards import Block, TreeSum, blocks_of
from lockstep.core.group import DividedUpdate, Work


class Alone:
    """Computes all leaves of a work by itself; keeps its buffers from call to call."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[Block, ...]] = {}
        self._sums: dict[tuple[int, np.dtype], tuple[TreeSum, np.ndarray]] = {}

    def reduce(self, work: Work, out: np.ndarray) -> None:
        """Leave the total over all leaves in `out` (width,); zeros where all of them are empty."""
        leaves = work.leaves
        blocks = self._blocks.get(leaves)
        if blocks is None:
            blocks = self._blocks[leaves] = blocks_of(0, 1, leaves)
        present = work.partial(blocks[0], out) if len(blocks) == 1 else self._sum(work, blocks, out)
        if not present:
            out.fill(0)

    def _sum(self, work: Work, blocks: tuple[Block, ...], out: np.ndarray) -> bool:
        key = (work.width, work.dtype)
        if key not in self._sums:
            self._sums[key] = (TreeSum(*key), np.empty(*key))
        tree, vector = self._sums[key]
        tree.start(out)
        for block in blocks:
            if work.partial(block, vector):
                tree.add(block, vector)
        return tree.finish()


class SoloGroup:
    """The group of a job that one worker trains."""

    rank = 0
    world_size = 1
    generation = 0

    def __init__(self) -> None:
        self._alone = Alone()

    def all_reduce(
        self,
        work: Work,
        out: np.ndarray,
        *,
        admits: bool,  # noqa: ARG002 - nobody to admit
        update: DividedUpdate | None = None,  # noqa: ARG002 - nobody to share it with
    ) -> bool:
        """See Group."""
        self._alone.reduce(work, out)
        return False

    def welcome(self, state: Callable[[], bytes]) -> None:
        """See Group; nobody is ever let in."""

    def close(self, reason: str) -> None:
        """See Group; there is nothing to close."""
