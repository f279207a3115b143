"""A collective whose total nobody needs whole: each member moves its slice of something, others take that.

Its vectors lie in the members' segments, so it is for groups where every pair shares memory. The course of it
is in member.py, what is moved in `DividedUpdate`.
"""

from collections.abc import Sequence

import numpy as np

from lockstep.core.group import DividedUpdate, SliceOwner
from lockstep.core.group.links import Arena, Link
from lockstep.core.group.partition import cut
from lockstep.core.group.round import Round
from lockstep.core.group.shm_link import SegmentArena, ShmLink
from lockstep.core.group.summation import Summation


class DividedRound:
    """One kind of work in one generation, whose total in `out` (width,) goes into `update` slice by slice.

    `links[rank]` is None at the own rank.
    """

    def __init__(
        self, round_: Round, out: np.ndarray, update: DividedUpdate, links: Sequence[Link | None]
    ) -> None:
        self.round, self.out, self.update = round_, out, update
        self._links = links
        self._parts = [slice(*ends) for ends in cut(update.width, len(links))]
        own, rest = self._parts[round_.rank], slice(update.width, None)
        needed = [slice(None)] if update.needs_whole else [own, rest]
        self._summations = [
            Summation(round_.partition, [part[place] for part in round_.parts()], out[place])
            for place in needed
            if len(out[place])
        ]

    def is_of(self, round_: Round, out: np.ndarray, update: DividedUpdate) -> bool:
        """Whether it was made for these."""
        return self.round is round_ and self.out is out and self.update is update

    def sit(self, generation: int, arena: Arena) -> None:
        """Have the update know the members, before any of them goes on."""
        self.update.sit(generation, self.round.rank, lambda: self._owners(arena))

    def advance(self) -> None:
        """All partial sums are there: add what is needed of them, and move the own slice."""
        present = self.round.present()
        for summation in self._summations:
            summation.run(present)
        self.update.advance()

    def _owners(self, arena: Arena) -> list[SliceOwner]:
        count, width, dtype = self.update.count, self.update.width, self.out.dtype
        owners = []
        for link, part in zip(self._links, self._parts, strict=True):
            if isinstance(link, ShmLink):
                vectors = link.divided(count, width, dtype)
            elif link is None and isinstance(arena, SegmentArena):
                vectors = arena.divided(count, width, dtype, part)
            else:
                raise TypeError("expected members that share memory, got a link of another kind")
            owners.append(SliceOwner(part, vectors))
        return owners
