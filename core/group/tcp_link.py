"""Numbers between two members over a connection of their own, in sealed frames.

A member may be one collective ahead of another, or already in the next generation: what comes too early waits
in the socket, and what a collective that was given up has left over is read and thrown away.
"""

import select
from collections.abc import Sequence

import numpy as np

from lockstep.core.group.channel import Channel
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES, FrameKind, ProtocolError, Stamp
from lockstep.core.group.links import Arena, Milestone, Transport
from lockstep.core.group.partition import Partition

_NOTHING = memoryview(bytearray())


class LocalArena:
    """A member's own vectors where no memory is shared; see Arena."""

    def __init__(self) -> None:
        self._vectors: dict[tuple[int, int, np.dtype], list[np.ndarray]] = {}
        self._totals: dict[tuple[int, np.dtype], np.ndarray] = {}

    def vectors(self, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """See Arena."""
        key = (count, width, dtype)
        if key not in self._vectors:
            self._vectors[key] = [np.empty(width, dtype) for _ in range(count)]
        return self._vectors[key]

    def total(self, width: int, dtype: np.dtype) -> np.ndarray:
        """See Arena."""
        key = (width, dtype)
        if key not in self._totals:
            self._totals[key] = np.empty(width, dtype)
        return self._totals[key]

    def publish(self, stamp: Stamp, phase: Milestone, present: Sequence[bool] = ()) -> None:
        """See Arena; nobody looks."""

    def close(self) -> None:
        """See Arena."""


class TcpLink:
    """A connection to another member, which it owns; see Link. A Sink that fills the lane's places."""

    transport: Transport = "tcp"

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._lane: TcpLane | None = None
        self._turn = (-1, -1)  # the generation and collective begun last
        self._scratch = memoryview(bytearray())

    @property
    def has_sent(self) -> bool:
        """See Link."""
        return not self.channel.has_pending

    def is_free_for(self, stamp: Stamp) -> bool:  # noqa: ARG002 - what is sent is no longer ours to keep
        """See Link."""
        return self.has_sent

    def lane(self, partition: Partition, ranks: tuple[int, int], arena: Arena) -> "TcpLane":
        """See Link."""
        return TcpLane(self, partition, ranks, arena)

    def look(self) -> bool:
        """See Link."""
        channel = self.channel
        before = channel.received_bytes
        if channel.has_pending:
            channel.flush()
        channel.receive(self)
        return channel.received_bytes > before

    def descriptors(self) -> Sequence[tuple[int, int]]:
        """See Link."""
        mask = 0 if self.channel.holds else select.POLLIN
        if self.channel.has_pending:
            mask |= select.POLLOUT
        return ((self.channel.fileno(), mask),)

    def close(self) -> None:
        """See Link."""
        self.channel.close()

    def begin(self, lane: "TcpLane", stamp: Stamp) -> None:
        """Turn to a collective."""
        self._lane = lane
        self._turn = (stamp.generation, stamp.collective)

    def place(self, kind: FrameKind, length: int, stamp: Stamp) -> memoryview | None:
        """See Sink."""
        if kind not in (FrameKind.PARTIAL, FrameKind.EMPTY, FrameKind.TOTAL):
            raise ProtocolError(f"a frame {kind.name} may not come over a connection for numbers")
        sent_in = (stamp.generation, stamp.collective)
        if sent_in < self._turn:
            return self._thrown_away(length)
        if sent_in > self._turn or self._lane is None:
            return None
        return self._lane.place(kind)

    def arrived(self, kind: FrameKind, stamp: Stamp) -> bool:
        """See Sink."""
        if self._lane is not None and (stamp.generation, stamp.collective) == self._turn:
            self._lane.arrived(kind)
        return True

    def _thrown_away(self, length: int) -> memoryview:
        if length > MAX_PAYLOAD_BYTES:
            raise ProtocolError(
                f"expected at most {MAX_PAYLOAD_BYTES} bytes in a frame, got {length}", "length"
            )
        if len(self._scratch) < length:
            self._scratch = memoryview(bytearray(length))
        return self._scratch[:length]


class TcpLane:
    """A link's part in the collectives of one partition; see Lane.

    A member that owns nothing says so with one frame EMPTY: so nobody gets far ahead of it.
    """

    def __init__(self, link: TcpLink, partition: Partition, ranks: tuple[int, int], arena: Arena) -> None:
        own, peer = ranks
        width, dtype = partition.width, partition.dtype
        theirs, ours = slice(*partition.slices[peer]), slice(*partition.slices[own])
        self._link = link
        vectors = arena.vectors(len(partition.blocks[own]), width, dtype)
        self._offered = [_chunks(vector[theirs]) for vector in vectors]
        self.partials = [np.empty(ours.stop - ours.start, dtype) for _ in partition.blocks[peer]]
        self._places = [_chunks(vector) for vector in self.partials]
        self.present = [True] * len(self.partials)
        self._slice = theirs
        self._offered_total, self._total = [], np.empty(0, dtype)
        if not partition.is_whole:
            self._offered_total = _chunks(arena.total(width, dtype)[ours])
            self._total = np.empty(theirs.stop - theirs.start, dtype)
        self._total_places = _chunks(self._total)
        self._owed = max(1, len(self.partials))  # blocks, or the word that there are none
        self._block = self._chunk = self._total_chunk = 0

    @property
    def partials_came(self) -> bool:
        """See Lane."""
        return self._block == self._owed

    @property
    def total_came(self) -> bool:
        """See Lane."""
        return self.partials_came and self._total_chunk == len(self._total_places)

    def begin(self, stamp: Stamp) -> None:
        """See Lane."""
        self._block = self._chunk = self._total_chunk = 0
        for index in range(len(self.present)):
            self.present[index] = True
        self._link.begin(self, stamp)

    def offer_partials(self, present: Sequence[bool]) -> None:
        """See Lane."""
        channel = self._link.channel
        if not present:
            channel.queue(FrameKind.EMPTY)
        for is_present, chunks in zip(present, self._offered, strict=True):
            if not is_present:
                channel.queue(FrameKind.EMPTY)
                continue
            for chunk in chunks:
                channel.queue(FrameKind.PARTIAL, chunk)
        channel.flush()

    def offer_total(self) -> None:
        """See Lane."""
        channel = self._link.channel
        for chunk in self._offered_total:
            channel.queue(FrameKind.TOTAL, chunk)
        channel.flush()

    def take_total(self, out: np.ndarray) -> None:
        """See Lane."""
        out[self._slice] = self._total

    def place(self, kind: FrameKind) -> memoryview:
        """Where the next frame's payload belongs. Raises ProtocolError where that kind may not come."""
        if not self.partials_came:
            if kind is FrameKind.PARTIAL and self._places:
                return self._places[self._block][self._chunk]
            if kind is FrameKind.EMPTY and self._chunk == 0:
                return _NOTHING
        elif kind is FrameKind.TOTAL and self._total_chunk < len(self._total_places):
            return self._total_places[self._total_chunk]
        raise ProtocolError(f"a frame {kind.name} may not come now")

    def arrived(self, kind: FrameKind) -> None:
        """Count the frame that was put in its place."""
        if kind is FrameKind.TOTAL:
            self._total_chunk += 1
            return
        if kind is FrameKind.EMPTY:
            if self.present:
                self.present[self._block] = False
            self._block += 1
            return
        self._chunk += 1
        if self._chunk == len(self._places[self._block]):
            self._block, self._chunk = self._block + 1, 0


def _chunks(vector: np.ndarray) -> list[memoryview]:
    """The bytes of a vector, in pieces that fit into frames; without a copy."""
    step = MAX_PAYLOAD_BYTES // vector.dtype.itemsize
    return [vector[start : start + step].data.cast("B") for start in range(0, len(vector), step)]
