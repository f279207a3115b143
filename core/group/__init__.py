"""The group of a job: the members that compute a step together, and how their partial sums become one total.

`SoloGroup` (solo.py) is a group of one. `GroupLead` (lead.py) and `GroupHelper` (helper.py) are the
two sides of a group in which one lead decides who is a member and helpers come and go. Whoever trains
sees no difference: the total of an `all_reduce` has the same bits in any of them (see core/ground/shards.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.interruption import LookUp
from lockstep.core.ground.shards import Block


class Released(LockstepError):
    """The lead has let this helper go: the job is over, the seat is needed elsewhere, or there was none."""


class LeadLost(LockstepError):
    """The lead is dead, silent for too long, or not who it should be. The helper's state is worthless now."""


class Work(Protocol):
    """What one collective sums up: the same on each member."""

    @property
    def leaves(self) -> int:
        """How many leaves there are: the shards of a step, or the chunks of an evaluation; at least 1."""

    @property
    def width(self) -> int:
        """The elements of a partial sum; at least 1."""

    @property
    def dtype(self) -> np.dtype:
        """The type of an element: float32 or float64."""

    @property
    def look_up(self) -> LookUp | None:
        """To be asked between parts of it, and now and then while its member waits for others.

        What it raises ends the collective, after which the group can only be closed. None: nobody asks.
        """

    def partial(self, block: Block, out: np.ndarray) -> bool:
        """Sum the block's leaves in the tree into `out` (width,), C-contiguous.

        False, with `out` in any state, where all of them are empty. May be called for any block, in any
        order, and again for the same one, until the collective is over: the result depends on the block
        alone.
        """


@dataclass(frozen=True, eq=False)
class SliceOwner:
    """A member's part in a divided update: its slice, and its vectors (width,), of which no more is there."""

    part: slice
    vectors: Sequence[np.ndarray]


class DividedUpdate(Protocol):
    """What members do with the first `width` elements of a total where each needs only a slice of them.

    Each moves its slice in vectors that the others can read, and takes theirs once nobody has to do it again.
    """

    @property
    def width(self) -> int:
        """The elements to be divided; what comes after them in the total is added by everybody."""

    @property
    def count(self) -> int:
        """How many vectors (width,) each member needs."""

    @property
    def needs_whole(self) -> bool:
        """Whether `advance` needs the whole total, not only the own slice and what comes after `width`."""

    def sit(self, generation: int, rank: int, owners: Callable[[], Sequence[SliceOwner]]) -> None:
        """The members of the collective to come, by rank; `owners` is called where they are new."""

    def advance(self) -> None:
        """The total is there: move the own slice. It may have to be done again, with other owners."""

    def settle(self) -> None:
        """Everybody has moved its slice for good: take them."""


class Group(Protocol):
    """One member's view of its group."""

    @property
    def rank(self) -> int:
        """This member's place, 0 for the lead."""

    @property
    def world_size(self) -> int:
        """How many members there are now, this one included."""

    @property
    def generation(self) -> int:
        """A number that grows at each change of members."""

    def all_reduce(
        self, work: Work, out: np.ndarray, *, admits: bool, update: DividedUpdate | None = None
    ) -> bool:
        """Leave the total over all leaves in `out` (width,), C-contiguous; zeros where all leaves are empty.

        All members call it with the same work. `admits` says that the next call of `welcome` comes
        before the next collective, so that new members may be let in. On a helper it raises Released or
        LeadLost. What `work.partial` raises passes through, and then the group can only be closed.

        With `update`, given by all members, it may be done instead of exchanging totals: where all of them
        share memory. True where it was; `out` then holds what the update needed.
        """

    def welcome(self, state: Callable[[], bytes]) -> None:
        """At the start of a step: the lead sends `state()`, called only then, to those whom it let in."""

    def close(self, reason: str) -> None:
        """Leave the group; where the lead closes, it ends and all helpers are let go. May be called again."""
