"""The lowest and highest points of a series that may go on for ever, in bounded memory.

The points lie in blocks of equal length; whenever there are too many blocks, each two become one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MAX_BLOCKS = 32


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Points (n,) of a series: `keys` say how low or high they are, `values` is what stands in the series."""

    steps: np.ndarray
    keys: np.ndarray
    values: np.ndarray

    def at(self, where: np.ndarray | slice) -> "Marks":
        """Some of them."""
        return Marks(steps=self.steps[where], keys=self.keys[where], values=self.values[where])

    @staticmethod
    def joined(parts: Sequence["Marks"]) -> "Marks":
        """Points that follow one another, in one."""
        return Marks(
            steps=np.concatenate([part.steps for part in parts]),
            keys=np.concatenate([part.keys for part in parts]),
            values=np.concatenate([part.values for part in parts]),
        )


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One point of a series."""

    step: int
    key: float
    value: float


NONE = Marks(steps=np.empty(0, dtype=np.int64), keys=np.empty(0), values=np.empty(0))


class Extremes:
    """The lowest and the highest point of each block.

    The blocks follow from the points alone, not from how they come. `count` is the number of points so far,
    `size` that of a block; the last block may have fewer.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 1
        self._low = self._high = NONE

    def add(self, marks: Marks) -> None:
        """Take in points that come after those before; no key is NaN."""
        while len(marks.keys):
            free = MAX_BLOCKS * self.size - self.count
            if free == 0:
                self._low, self._high = _halved(self._low, np.argmin), _halved(self._high, np.argmax)
                self.size *= 2
                continue
            part, marks = marks.at(slice(free)), marks.at(slice(free, None))
            filled = self.count % self.size
            self._low = _extended(self._low, part, (filled, self.size), np.argmin)
            self._high = _extended(self._high, part, (filled, self.size), np.argmax)
            self.count += len(part.keys)

    @property
    def low(self) -> np.ndarray:
        """The lowest key of each block."""
        return self._low.keys

    @property
    def high(self) -> np.ndarray:
        """The highest key of each block."""
        return self._high.keys

    def lowest(self) -> Mark:
        """The first of the points with the lowest key."""
        return _mark(self._low, int(np.argmin(self.low)))

    def highest(self) -> Mark:
        """The first of the points with the highest key."""
        return _mark(self._high, int(np.argmax(self.high)))


_Best = Callable[[np.ndarray], np.intp]


def _mark(marks: Marks, place: int) -> Mark:
    return Mark(step=int(marks.steps[place]), key=float(marks.keys[place]), value=float(marks.values[place]))


def _extended(before: Marks, part: Marks, block: tuple[int, int], best: _Best) -> Marks:
    """The best of each block, with more points; `block`: how many the last one has already, and can have."""
    filled, size = block
    edges = [0, *range(-filled % size or size, len(part.keys), size), len(part.keys)]
    places = [start + int(best(part.keys[start:end])) for start, end in pairwise(edges)]
    new = part.at(np.array(places, dtype=np.intp))
    if filled:
        both = Marks.joined([before.at(slice(-1, None)), new.at(slice(1))])
        better = both.at(np.array([best(both.keys)]))
        return Marks.joined([before.at(slice(-1)), better, new.at(slice(1, None))])
    return Marks.joined([before, new])


def _halved(marks: Marks, best: _Best) -> Marks:
    pairs = marks.keys.reshape(-1, 2)
    places = [2 * number + int(best(pair)) for number, pair in enumerate(pairs)]
    return marks.at(np.array(places, dtype=np.intp))
