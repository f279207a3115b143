"""Numbers between members on one host: each writes its own segment, and reads the others' in place.

A bell is an eventfd, made by who listens to it and rung by the other at each publication, so that a member
may sleep while it waits. One host means no more than this: that the other's descriptors have come.
"""

import contextlib
import os
import select
from collections.abc import Sequence

import numpy as np

from lockstep.core.group.descriptors import close_all
from lockstep.core.group.frames import Stamp
from lockstep.core.group.links import Arena, Milestone, Transport
from lockstep.core.group.partition import Partition
from lockstep.core.group.publication import OwnBoard, PeerBoard, parts_of, stage_word
from lockstep.core.group.segment import (
    STATE_OFFSET,
    TOTAL_OFFSET,
    VECTORS_OFFSET,
    NoSharedMemory,
    PeerSegment,
    Segment,
)

OFFERED = 2
"""How many descriptors each side sends the other: its segment, and the bell that it listens to."""

_VectorsKey = tuple[int, int, np.dtype]


class SegmentArena:
    """A member's own vectors, in its segment; see Arena. It rings the bells of the links that joined it."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self._board = OwnBoard(segment.words)
        self._vectors: dict[_VectorsKey, list[np.ndarray]] = {}
        self._totals: dict[tuple[int, np.dtype], np.ndarray] = {}
        self._divided: dict[_VectorsKey, list[np.ndarray]] = {}
        self._links: list[ShmLink] = []

    def vectors(self, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """See Arena. Raises OSError where memory is short."""
        key = (count, width, dtype)
        if key not in self._vectors and not count:
            self._vectors[key] = []
        if key not in self._vectors:
            self._vectors[key] = self.segment.vectors(VECTORS_OFFSET, *key)
        return self._vectors[key]

    def total(self, width: int, dtype: np.dtype) -> np.ndarray:
        """See Arena. Raises OSError where memory is short."""
        key = (width, dtype)
        if key not in self._totals:
            (self._totals[key],) = self.segment.vectors(TOTAL_OFFSET, 1, *key)
        return self._totals[key]

    def divided(self, count: int, width: int, dtype: np.dtype, part: slice) -> list[np.ndarray]:
        """So many vectors (width,) of an update that is divided, of which only the part has to be there.

        Always the same objects for the same arguments. Raises OSError where memory is short.
        """
        key = (count, width, dtype)
        if key not in self._divided:
            self._divided[key] = self.segment.unreserved(STATE_OFFSET, *key)
        self.segment.reserve(STATE_OFFSET, count, width, dtype, part)
        return self._divided[key]

    def publish(self, stamp: Stamp, phase: Milestone, present: Sequence[bool] = ()) -> None:
        """See Arena; whoever sleeps is woken."""
        self._board.write(stage_word(stamp, phase), present)
        for link in self._links:
            link.ring(1)

    def join(self, link: "ShmLink") -> None:
        """Ring its bell from now on; and now for all publications that there have been: it counts them."""
        if link not in self._links:
            self._links.append(link)
            link.ring(self._board.rings)

    def leave(self, link: "ShmLink") -> None:
        """Ring its bell no more."""
        if link in self._links:
            self._links.remove(link)

    def close(self) -> None:
        """See Arena; what others have mapped stays theirs."""
        self._vectors.clear()
        self._totals.clear()
        self._divided.clear()
        self._links.clear()
        self.segment.close()


class ShmOffer:
    """This member's side of a link that is still to be agreed: `descriptors` are what the other one needs.

    Raises NoSharedMemory where there is no bell to be had.
    """

    def __init__(self, own: Segment) -> None:
        try:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        except (OSError, AttributeError) as error:
            raise NoSharedMemory(f"no bell for shared memory: {error}") from error
        self.descriptors = (own.readable, self._bell)

    def accept(self, received: Sequence[int]) -> "ShmLink":
        """The link with the member whose descriptors these are; they are the link's now, as the offer's bell.

        Raises NoSharedMemory where they are not what a member sends; all of them are closed then.
        """
        try:
            if len(received) != OFFERED:
                raise NoSharedMemory(f"expected {OFFERED} descriptors from a member, got {len(received)}")
            if not os.readlink(f"/proc/self/fd/{received[1]}").endswith("[eventfd]"):
                raise NoSharedMemory("expected an eventfd as a member's bell")
            segment = PeerSegment(os.dup(received[0]))
        except (NoSharedMemory, OSError):
            close_all(received)
            self.close()
            raise
        os.close(received[0])
        bell, self._bell = self._bell, -1
        return ShmLink(segment, bell, received[1])

    def close(self) -> None:
        """Give the offer up. May be called again."""
        if self._bell >= 0:
            os.close(self._bell)
        self._bell = -1


class ShmLink:
    """What this member has of another one on its host; see Link."""

    transport: Transport = "shared_memory"

    def __init__(self, segment: PeerSegment, bell: int, their_bell: int) -> None:
        self.segment = segment
        self.board = PeerBoard(segment.words)
        self._bell = bell
        self._their_bell = their_bell
        self._arena: SegmentArena | None = None
        self._seen = 0

    @property
    def has_sent(self) -> bool:
        """See Link; the peer reads it where it lies."""
        return True

    def is_free_for(self, stamp: Stamp) -> bool:
        """See Link."""
        return self.board.has_taken(stamp.collective - 1)

    def published(self) -> tuple[int, int, Milestone]:
        """The peer's generation, collective and phase; zeros where it has published nothing whole."""
        return parts_of(self.board.stage())

    def lane(self, partition: Partition, ranks: tuple[int, int], arena: Arena) -> "ShmLane":
        """See Link; the arena is a SegmentArena."""
        if not isinstance(arena, SegmentArena):
            raise TypeError(f"expected vectors in a segment, got {type(arena).__name__}")
        self._arena = arena
        arena.join(self)
        return ShmLane(self, partition, ranks)

    def divided(self, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """The peer's vectors (width,) of an update that is divided; see SegmentArena."""
        return self.segment.vectors(STATE_OFFSET, count, width, dtype)

    def look(self) -> bool:
        """See Link. It loses nobody: whether the peer lives is seen at its connection."""
        if self.board.is_ringing:
            self._hear()  # first: what comes after this look will ring again
        seen, self._seen = self._seen, self.board.stage()
        return self._seen != seen

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.board.heard += os.eventfd_read(self._bell)

    def ring(self, times: int) -> None:
        """Wake the peer, if it sleeps."""
        with contextlib.suppress(OSError):
            os.eventfd_write(self._their_bell, times)

    def descriptors(self) -> Sequence[tuple[int, int]]:
        """See Link."""
        return ((self._bell, select.POLLIN),)

    def close(self) -> None:
        """See Link. Arrays of the peer's that are still held stay readable."""
        if self._arena is not None:
            self._arena.leave(self)
        self.segment.close()
        close_all([bell for bell in (self._bell, self._their_bell) if bell >= 0])
        self._bell = self._their_bell = -1


class ShmLane:
    """A link's part in the collectives of one partition; see Lane. Everything is read where it lies."""

    def __init__(self, link: ShmLink, partition: Partition, ranks: tuple[int, int]) -> None:
        own, peer = ranks
        width, dtype = partition.width, partition.dtype
        self._link = link
        self._count = len(partition.blocks[peer])
        mine, theirs = (slice(*partition.slices[rank]) for rank in (own, peer))
        vectors = link.segment.vectors(VECTORS_OFFSET, self._count, width, dtype) if self._count else []
        self.partials = [vector[mine] for vector in vectors]
        (total,) = link.segment.vectors(TOTAL_OFFSET, 1, width, dtype)
        self._total, self._place = total[theirs], theirs
        self._partials_word = self._total_word = 0

    @property
    def present(self) -> tuple[bool, ...]:
        """See Lane."""
        return self._link.board.present(self._count)

    @property
    def partials_came(self) -> bool:
        """See Lane."""
        return self._link.board.reaches(self._partials_word)

    @property
    def total_came(self) -> bool:
        """See Lane."""
        return self._link.board.reaches(self._total_word)

    def begin(self, stamp: Stamp) -> None:
        """See Lane."""
        self._partials_word = stage_word(stamp, Milestone.PARTIALS)
        self._total_word = stage_word(stamp, Milestone.TOTAL)

    def offer_partials(self, present: Sequence[bool]) -> None:
        """See Lane; they were published."""

    def offer_total(self) -> None:
        """See Lane; it was published."""

    def take_total(self, out: np.ndarray) -> None:
        """See Lane."""
        np.copyto(out[self._place], self._total)
