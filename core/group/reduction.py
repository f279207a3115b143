"""One collective as the lead sees it: the blocks of all members, their chunks as they come, and the total.

Pure arithmetic and bookkeeping: it adds what has arrived and knows what is missing; it moves no bytes.
"""

from functools import cached_property

import numpy as np

from lockstep.core.ground.shards import Block, additions, blocks_of
from lockstep.core.group import Work
from lockstep.core.group.frames import MAX_PAYLOAD_BYTES

CHUNK_BYTES = MAX_PAYLOAD_BYTES


class Vector:
    """A vector (width,) cut into chunks, as numbers to add (`parts`) and as bytes to send (`views`)."""

    def __init__(self, whole: np.ndarray) -> None:
        step = CHUNK_BYTES // whole.dtype.itemsize
        self.whole = whole
        self.parts = [whole[start : start + step] for start in range(0, len(whole), step)]

    @cached_property
    def views(self) -> list[memoryview]:
        """The bytes of each chunk; writable, without a copy."""
        return [part.data.cast("B") for part in self.parts]


class Reduction:
    """The sum of one kind of work over a group of one size; begun anew for each collective.

    The blocks are numbered from left to right over all ranks; `ranges[rank]` are those of one member.
    The total grows chunk by chunk in `out`, where block 0 is kept too: so the left operand of the last
    addition is already in its place.
    """

    def __init__(self, work: Work, world_size: int) -> None:
        owned = [blocks_of(rank, world_size, work.leaves) for rank in range(world_size)]
        self.blocks: tuple[Block, ...] = tuple(block for blocks in owned for block in blocks)
        ends = np.cumsum([0] + [len(blocks) for blocks in owned]).tolist()
        self.ranges = [range(ends[rank], ends[rank + 1]) for rank in range(world_size)]
        self._vectors = [Vector(np.empty(work.width, work.dtype)) for _ in self.blocks]
        self.chunks = len(self._vectors[0].parts)
        self._orders: dict[tuple[bool, ...], tuple[int, list[tuple[int, int]]]] = {}

    def begin(self, out: np.ndarray) -> None:
        """Start a collective whose total goes to `out`."""
        if self._vectors[0].whole is not out:
            self._vectors[0] = Vector(out)
        self._arrived = [0] * len(self.blocks)
        self._present = [True] * len(self.blocks)
        self._added = 0

    @property
    def done(self) -> bool:
        """Whether the total is complete."""
        return self._added == self.chunks

    def place(self, index: int) -> memoryview:
        """Where the next chunk of a block belongs."""
        return self._vectors[index].views[self._arrived[index]]

    def chunk_arrived(self, index: int) -> bool:
        """Count the chunk that was put there. True where the block is complete with it."""
        self._arrived[index] += 1
        return self._arrived[index] == self.chunks

    def is_untouched(self, index: int) -> bool:
        """Whether no chunk of a block has arrived."""
        return self._arrived[index] == 0

    def set_empty(self, index: int) -> None:
        """Note that all leaves of a block are empty."""
        self._present[index] = False
        self._arrived[index] = self.chunks

    def compute(self, index: int, work: Work) -> None:
        """Compute a block here: one of the lead's own, or one whose owner is lost.

        Chunks of it that arrived before had the same bits. Those that were added already are not read
        again, so they may be written over, but for block 0: the total stands in their place.
        """
        vector = self._vectors[index]
        target = Vector(np.empty_like(vector.whole)) if index == 0 and self._added else vector
        if not work.partial(self.blocks[index], target.whole):
            self.set_empty(index)
            return
        if target is not vector:
            for part, computed in list(zip(vector.parts, target.parts, strict=True))[self._added :]:
                part[...] = computed
        self._arrived[index] = self.chunks

    def missing(self, rank: int) -> list[int]:
        """The blocks of a member that are not complete."""
        return [index for index in self.ranges[rank] if self._arrived[index] < self.chunks]

    def add_next_chunk(self) -> memoryview | None:
        """Add the next chunk, if it is there from every block; its total as bytes."""
        chunk = self._added
        if chunk == self.chunks or min(self._arrived) <= chunk:
            return None
        head, pairs = self._order()
        vectors = self._vectors
        total = vectors[0]
        for left, right in pairs:
            target = vectors[left].parts[chunk]
            np.add(target, vectors[right].parts[chunk], out=target)
        if head != 0:
            total.parts[chunk][...] = vectors[head].parts[chunk] if head > 0 else 0
        self._added += 1
        return total.views[chunk]

    def _order(self) -> tuple[int, list[tuple[int, int]]]:
        """The block where the total ends up (-1 if all are empty), and the additions.

        Fixed once a chunk of each block has arrived: then it is known which are empty.
        """
        key = tuple(self._present)
        if key not in self._orders:
            present = [index for index, is_present in enumerate(key) if is_present]
            pairs = additions([self.blocks[index] for index in present])
            head = present[0] if present else -1
            self._orders[key] = (head, [(present[left], present[right]) for left, right in pairs])
        return self._orders[key]
