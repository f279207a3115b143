"""What a member needs of a connection to another one, whichever way the numbers go; and of its own memory.

A collective on one member, from top to bottom:

    wait until every link `is_free_for` it: our vectors may be written again
    compute the own blocks into `arena.vectors(...)`
    `arena.publish(stamp, Milestone.PARTIALS, present)`, then `lane.offer_partials(present)` on every lane
    wait until `lane.partials_came` on every lane, and every link `has_sent`; add the own slice of all blocks
    where the vector is sliced: put it into `arena.total(...)`, publish Milestone.TOTAL, `lane.offer_total()`,
    wait until `lane.total_came` on every lane, `lane.take_total(out)`
    publish Milestone.TAKEN: whatever the others offered has been read
    wait until the lead has committed (member.py)

Nobody writes its vectors or its total again before the links are free, nor another collective's total before
everybody's partial sums of that collective are there. A collective that is done again has another generation:
its offers never equal what a member waits for in the old one.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, Protocol

import numpy as np

from lockstep.core.group.frames import Stamp
from lockstep.core.group.partition import Partition

Transport = Literal["shared_memory", "tcp"]


class Milestone(IntEnum):
    """How far a member is in a collective; it only grows."""

    NOTHING = 0
    PARTIALS = 1  # its partial sums may be read
    TOTAL = 2  # its slice of the total may be read
    COMMITTED = 3  # the lead only: nobody has to do this collective again
    TAKEN = 4  # it has read all that it needs of the others


class Arena(Protocol):
    """A member's own vectors, which its links offer to the others."""

    def vectors(self, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """A vector (width,) for each own block, C-contiguous; the same objects for the same arguments.

        Those of different arguments may share memory: one collective is done at a time.
        """

    def total(self, width: int, dtype: np.dtype) -> np.ndarray:
        """Where the own slice of the total is put, at its place in a vector (width,); the same object."""

    def publish(self, stamp: Stamp, phase: Milestone, present: Sequence[bool] = ()) -> None:
        """Say how far we are. `present`: for each own block, whether any of its leaves is there."""

    def close(self) -> None:
        """Give the memory back. May be called again."""


class Lane(Protocol):
    """A link's part in the collectives of one partition: made when first needed, kept for the generation."""

    @property
    def partials(self) -> Sequence[np.ndarray]:
        """What we add of the peer's blocks: our slice of each, or all of it. Stable; read once they came."""

    @property
    def present(self) -> Sequence[bool]:
        """Which of the peer's blocks have any leaves, once they came."""

    @property
    def partials_came(self) -> bool:
        """Whether all that we add of the peer's is there, for the collective begun last."""

    @property
    def total_came(self) -> bool:
        """Whether the peer's slice of the total is there, for the collective begun last."""

    def begin(self, stamp: Stamp) -> None:
        """Turn to a collective. Some of what the peer offers for it may be there already."""

    def offer_partials(self, present: Sequence[bool]) -> None:
        """Let the peer have our partial sums, or its slice of them, out of the arena. Raises PeerLost."""

    def offer_total(self) -> None:
        """Let the peer have our slice of the total, out of the arena. Raises PeerLost."""

    def take_total(self, out: np.ndarray) -> None:
        """Leave the peer's slice of the total at its place in `out` (width,); once `total_came`."""


class Link(Protocol):
    """A connection to another member; it moves numbers and decides nothing."""

    @property
    def transport(self) -> Transport:
        """Which way the numbers go."""

    @property
    def has_sent(self) -> bool:
        """Whether all that was offered has left us, so that the peer can get it without our doing."""

    def is_free_for(self, stamp: Stamp) -> bool:
        """Whether the peer has taken what we offered it in the collectives before this one.

        In the collective itself, done again in a new generation, nobody who counts reads the old offers.
        """

    def lane(self, partition: Partition, ranks: tuple[int, int], arena: Arena) -> Lane:
        """Take part in the collectives of a partition. `ranks`: ours, the peer's."""

    def look(self) -> bool:
        """Without waiting: take in what has come and send what goes. Whether anything has. Raises PeerLost.

        Raises ProtocolError where the peer does what it must not.
        """

    def descriptors(self) -> Sequence[tuple[int, int]]:
        """What to wait on while `look` brings nothing: (descriptor, events of `poll`)."""

    def close(self) -> None:
        """Close the connection at once. May be called again."""
