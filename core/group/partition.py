"""Who computes which blocks of a collective and who adds which slice of the vector. Pure arithmetic.

Every member works it out for itself from the work and its place, and all come to the same.
"""

from itertools import pairwise

from lockstep.core.ground.blas import WIDEST
from lockstep.core.ground.shards import Block, additions, blocks_of
from lockstep.core.group import Work

SMALL_BYTES = 64 * 1024
"""A vector that is not worth a second exchange: everybody gets all partial sums and adds everything."""
PAIR_BYTES = 4 * 1024 * 1024
"""The same for two members with a block each: they exchange as many bytes either way, and wait once."""

Slice = tuple[int, int]
"""The elements from the first number to before the second."""


class Partition:
    """The blocks and slices of one kind of work over a group of one size.

    `blocks[rank]` are those of one member, `all_blocks` those of all from left to right, `slices[rank]` what
    it adds. Where `is_whole`, everybody adds everything, and there is no second exchange; `whole` asks for
    that, whatever the size.
    """

    def __init__(self, work: Work, world_size: int, *, whole: bool = False) -> None:
        self.width = work.width
        self.dtype = work.dtype
        self.leaves = work.leaves
        self.world_size = world_size
        self.blocks = tuple(blocks_of(rank, world_size, work.leaves) for rank in range(world_size))
        self.all_blocks: tuple[Block, ...] = tuple(block for blocks in self.blocks for block in blocks)
        size = self.width * self.dtype.itemsize
        pair = world_size == len(self.all_blocks) == 2 and size <= PAIR_BYTES
        self.is_whole = whole or pair or size <= SMALL_BYTES
        self.slices: tuple[Slice, ...] = (
            ((0, self.width),) * world_size if self.is_whole else cut(self.width, world_size)
        )

    def order(self, present: tuple[bool, ...]) -> tuple[int, tuple[tuple[int, int], ...]]:
        """The block that the total starts with, -1 if all are empty, and the additions: (to, what).

        `present`: for each of `all_blocks`, whether any of its leaves is there.
        """
        there = [index for index, is_present in enumerate(present) if is_present]
        pairs = additions([self.all_blocks[index] for index in there])
        head = there[0] if there else -1
        return head, tuple((there[left], there[right]) for left, right in pairs)


def cut(width: int, parts: int) -> tuple[Slice, ...]:
    """Cut a vector at multiples of WIDEST into parts as equal as these allow; some may be empty."""
    turns = -(-width // WIDEST)
    ends = [min(width, (part * turns // parts) * WIDEST) for part in range(parts + 1)]
    return tuple(pairwise(ends))
