"""The fixed binary tree in which partial sums are added, and who owns which part of it. Pure arithmetic.

A sum over L leaves (the shards of a batch, the chunks of an evaluation) is taken in the binary tree over
the next power of two: a node is the sum of its left and its right half, in this order; a leaf that is
absent (beyond L, or a shard without rows) is skipped, so that a node with one half present is that half.
Floating-point addition is not associative, but each single addition has the same bits everywhere; so a
sum taken in this tree has the same bits whoever computes which part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np


def shard_rows(shard: int, shards: int, rows: int) -> tuple[int, int]:
    """The half-open range of a batch's rows in one shard; empty for some where rows are fewer than shards."""
    return shard * rows // shards, (shard + 1) * rows // shards


@dataclass(frozen=True, slots=True)
class Block:
    """A node of the tree: `count` leaves from `first` on; `count` is a power of two that divides `first`."""

    first: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.count & (self.count - 1) or self.first < 0 or self.first % self.count:
            raise ValueError(
                f"expected a block whose count is a power of two that divides its first leaf, "
                f"got first={self.first}, count={self.count}"
            )

    @property
    def end(self) -> int:
        """The number after the last leaf's."""
        return self.first + self.count

    def leaves(self) -> range:
        """The numbers of the leaves, from left to right."""
        return range(self.first, self.end)


def aligned_blocks(low: int, high: int) -> tuple[Block, ...]:
    """Cut the leaves `low` to `high` (exclusive) into the fewest blocks, from left to right."""
    blocks = []
    while low < high:
        largest_that_fits = 1 << ((high - low).bit_length() - 1)
        largest_aligned = low & -low or largest_that_fits
        block = Block(low, min(largest_aligned, largest_that_fits))
        blocks.append(block)
        low = block.end
    return tuple(blocks)


def blocks_of(rank: int, world_size: int, leaves: int) -> tuple[Block, ...]:
    """The blocks of one member: it owns the leaves ⌊r·L/W⌋ to ⌊(r+1)·L/W⌋; none for some where W > L."""
    return aligned_blocks(rank * leaves // world_size, (rank + 1) * leaves // world_size)


def additions(blocks: Sequence[Block]) -> tuple[tuple[int, int], ...]:
    """The additions that sum vectors of disjoint blocks, given from left to right, in the tree.

    Each pair (i, j) means: add vector j to vector i, in place. The total ends up in vector 0.
    """
    heights = [_meeting_height(left, right) for left, right in pairwise(blocks)]
    holders = list(range(len(blocks)))  # holders[i]: the vector with the sum that block i is part of
    pairs = []
    for i in sorted(range(len(heights)), key=heights.__getitem__):
        left, right = holders[i], i + 1
        pairs.append((left, right))
        holders = [left if holder == right else holder for holder in holders]
    return tuple(pairs)


class Place(NamedTuple):
    """Where the vector of a block goes: into `target` (width,), or, where it `adds`, onto what is there."""

    block: Block
    target: np.ndarray
    adds: bool

    def put(self, vector: np.ndarray) -> None:
        """Put it there; it may lie there already."""
        if self.adds:
            np.add(self.target, vector, out=self.target)
        elif vector is not self.target:
            np.copyto(self.target, vector)


class TreeSum:
    """Adds the vectors of disjoint blocks in the tree as they come, from left to right.

    `start(out)`, then `add(block, vector)` for each block that is present, then `finish()`. A vector is
    read during `add` only, so the next one may be computed in the same memory. In place of `add` there are
    `place(block)`, where the vector is to be put, and `placed`, once it is there. Besides `out` there are at
    most log2(L) buffers of `width` elements, made when first needed and kept.
    """

    def __init__(self, width: int, dtype: np.dtype) -> None:
        self._width = width
        self._dtype = dtype
        self._buffers: list[np.ndarray] = []
        self._out = np.empty(0, dtype)
        self._sums: list[np.ndarray] = []
        self._heights: list[int] = []  # where sum i meets sum i + 1; falls strictly from left to right
        self._end = 0

    def start(self, out: np.ndarray) -> None:
        """Begin a new sum, to be left in `out` (width,)."""
        self._out = out
        self._sums.clear()
        self._heights.clear()
        self._end = 0

    def add(self, block: Block, vector: np.ndarray) -> None:
        """Add the vector (width,) of a block that lies to the right of all before it.

        For the first block `vector` may be `out` itself, which saves a copy.
        """
        place = self.place(block)
        place.put(vector)
        self.placed(place)

    def place(self, block: Block) -> Place:
        """Where the vector of a block that lies to the right of all before it belongs."""
        if block.first < self._end:
            raise ValueError(f"expected a block from leaf {self._end} on, got one from leaf {block.first}")
        if not self._sums:
            self._sums.append(self._out)
            return Place(block, self._out, adds=False)
        height = _meeting_height_at(self._end, block.first)
        while self._heights and self._heights[-1] < height:
            self._merge()
        if block.end % (1 << height):  # more of this half may come: it waits in a buffer of its own
            self._sums.append(self._buffer(len(self._heights)))
            self._heights.append(height)
            return Place(block, self._sums[-1], adds=False)
        return Place(block, self._sums[-1], adds=True)

    def placed(self, place: Place) -> None:
        """Note that the vector is where it belongs."""
        while place.adds and self._heights and place.block.end % (1 << self._heights[-1]) == 0:
            self._merge()
        self._end = place.block.end

    def finish(self) -> bool:
        """Complete the total in `out`; False, with `out` untouched, where no block was present."""
        while self._heights:
            self._merge()
        return bool(self._sums)

    def _merge(self) -> None:
        right = self._sums.pop()
        self._heights.pop()
        np.add(self._sums[-1], right, out=self._sums[-1])

    def _buffer(self, number: int) -> np.ndarray:
        if number == len(self._buffers):
            self._buffers.append(np.empty(self._width, self._dtype))
        return self._buffers[number]


def _meeting_height(left: Block, right: Block) -> int:
    return _meeting_height_at(left.end, right.first)


def _meeting_height_at(left_end: int, right_first: int) -> int:
    """The height (0 = leaves) of the lowest node above leaf `left_end - 1` and leaf `right_first`."""
    return ((left_end - 1) ^ right_first).bit_length()
