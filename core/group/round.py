"""One kind of work in one generation, as one member takes part in it: what it owns, and where all lies."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.group import Work
from lockstep.core.group.links import Arena, Lane, Link
from lockstep.core.group.partition import Partition
from lockstep.core.group.summation import Summation


class Round:
    """Made once for a kind of work and kept for the generation; used for each of its collectives.

    `links[rank]` is None at the own rank. `lanes` are those of the others, in order of rank. For `whole` see
    Partition.
    """

    def __init__(
        self, work: Work, rank: int, links: Sequence[Link | None], arena: Arena, *, whole: bool
    ) -> None:
        partition = self.partition = Partition(work, len(links), whole=whole)
        self.rank = rank
        self.blocks = partition.blocks[rank]
        width, dtype = partition.width, partition.dtype
        self.vectors = arena.vectors(len(self.blocks), width, dtype)
        self._lane_of: list[Lane | None] = [
            link.lane(partition, (rank, other), arena) if link is not None else None
            for other, link in enumerate(links)
        ]
        self.lanes = [lane for lane in self._lane_of if lane is not None]
        self._own = slice(*partition.slices[rank])
        self._total = None if partition.is_whole else arena.total(width, dtype)[self._own]
        self._present = [True] * len(self.blocks)
        self._summation: Summation | None = None
        self._out: np.ndarray | None = None
        self.bytes = len(partition.all_blocks) * width * dtype.itemsize

    @property
    def is_whole(self) -> bool:
        """Whether everybody adds everything: see Partition."""
        return self.partition.is_whole

    def compute(self, work: Work) -> Sequence[bool]:
        """Compute the own blocks into `vectors`; which of them have any leaves."""
        present = self._present
        for index, (block, vector) in enumerate(zip(self.blocks, self.vectors, strict=True)):
            present[index] = work.partial(block, vector)
        return present

    def add(self, out: np.ndarray) -> None:
        """Add the own slice of all blocks, which have come: into the arena's total and `out` (width,)."""
        if self._summation is None or self._out is not out:
            self._out = out
            target = out if self._total is None else self._total
            self._summation = Summation(self.partition, self.parts(), target)
        self._summation.run(self.present())
        if self._total is not None:
            out[self._own] = self._total

    def take_totals(self, out: np.ndarray) -> None:
        """Put the others' slices into `out` (width,); they have come."""
        for lane in self.lanes:
            lane.take_total(out)

    def present(self) -> tuple[bool, ...]:
        """Which blocks have any leaves, once they came."""
        present: list[bool] = []
        for lane in self._lane_of:
            present += self._present if lane is None else lane.present
        return tuple(present)

    def parts(self) -> list[np.ndarray]:
        """Of each block what this member adds; the same memory for the whole generation."""
        parts: list[np.ndarray] = []
        for lane in self._lane_of:
            parts += [vector[self._own] for vector in self.vectors] if lane is None else lane.partials
        return parts
