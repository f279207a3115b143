"""What the lead knows of each member: who it is, how it is reached, and where its time goes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lockstep.core.group.terms import GroupTerms

Role = Literal["lead", "helper"]
Reached = Literal["shared_memory", "tcp", "none"]


@dataclass(frozen=True, kw_only=True)
class MemberFigures:
    """One member. The seconds are sums since it joined; a helper's are as old as what it said last.

    `transport` is how the lead and the member exchange numbers, "none" for the lead itself; `shards` how many
    leaves of the last work it owned; `joined_collective` the first in which it took part.
    """

    rank: int
    worker_id: str
    host: str
    role: Role
    transport: Reached
    generation: int
    joined_collective: int
    shards: int
    compute_seconds: float
    exchange_seconds: float
    waiting_seconds: float


class Stopwatch:
    """A member's own seconds since it joined: computing, exchanging, waiting. The caller tells the time."""

    def __init__(self) -> None:
        self.computing = self.waiting = self.total = 0.0

    @property
    def exchanging(self) -> float:
        """What of the collectives' time was neither."""
        return max(0.0, self.total - self.computing - self.waiting)


def shards_of_each(leaves: int, world_size: int) -> list[int]:
    """How many leaves each member owns, by rank; see blocks_of."""
    ends = [rank * leaves // world_size for rank in range(world_size + 1)]
    return [end - start for start, end in pairwise(ends)]


def figures_of_lead(terms: GroupTerms, times: Stopwatch, generation: int, shards: int) -> MemberFigures:
    """The lead's own."""
    return MemberFigures(
        rank=0,
        worker_id=terms.worker_id,
        host=terms.host,
        role="lead",
        transport="none",
        generation=generation,
        joined_collective=0,
        shards=shards,
        compute_seconds=times.computing,
        exchange_seconds=times.exchanging,
        waiting_seconds=times.waiting,
    )
