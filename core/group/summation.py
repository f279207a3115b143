"""Adding the blocks of a collective in the tree's order, without altering any of them."""

from functools import partial

import numpy as np

from lockstep.core.ground.blas import Call
from lockstep.core.group.partition import Partition

PIECE = 16 * 1024
"""Elements that are added through the whole tree before the next ones: the sums in between stay in cache."""


class Summation:
    """The sum of `parts`, one for each block from left to right, in `target`; all of one length."""

    def __init__(self, partition: Partition, parts: list[np.ndarray], target: np.ndarray) -> None:
        self._partition = partition
        self._parts = parts
        self._target = target
        self._calls: dict[tuple[bool, ...], list[Call]] = {}

    def run(self, present: tuple[bool, ...]) -> None:
        """Leave the sum in the target; zeros where no block is present."""
        calls = self._calls.get(present)
        if calls is None:
            calls = self._calls[present] = self._made(present)
        for call in calls:
            call()

    def _made(self, present: tuple[bool, ...]) -> list[Call]:
        head, pairs = self._partition.order(present)
        if head < 0:
            return [partial(self._target.fill, 0)]
        if not pairs:
            return [partial(np.copyto, self._target, self._parts[head])]
        length = len(self._target)
        piece = length if len(pairs) == 1 else PIECE
        between: dict[int, np.ndarray] = {}
        calls: list[Call] = []
        for start in range(0, length, piece):
            end = min(start + piece, length)
            holders = [part[start:end] for part in self._parts]
            for left, right in pairs:
                if left == head:
                    into = self._target[start:end]
                else:
                    into = between.setdefault(left, np.empty(piece, self._target.dtype))[: end - start]
                calls.append(partial(np.add, holders[left], holders[right], into))
                holders[left] = into
        return calls
