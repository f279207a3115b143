"""The arrays of one shard's plan, as many times as there are shards, one after another in memory.

A plan of several shards has a lane for each of them. What is one array to a shard's plan is one more axis to
all of them: `Lanes.stacked` (lanes, *shape), each lane's part of which lies in memory as it does in a plan of
its own. Arrays that no call writes, such as the parameters, are common to all lanes.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lockstep.core.ground.buffers import aligned

_BYTES = np.dtype(np.uint8)


class _Region(NamedTuple):
    """Memory of the plan from address `low` to `high`, of which each lane has a copy in the bytes `lanes`.

    A lane's copy begins `step` bytes after the one before it, the first one at byte `start`.
    """

    low: int
    high: int
    lanes: np.ndarray
    start: int
    step: int


Bounds = tuple[int, int]
"""The addresses of some memory: of its first byte, and of the one after its last."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a plan works on.

    `arrays` are all that its calls read or write, `written` those that are not common to all lanes. `partial`
    is where it writes what it comes to; `apart` are the parts of it that each lane has, from left to right,
    which lie side by side in `Lanes.rest`.
    """

    arrays: Sequence[np.ndarray]
    written: Sequence[np.ndarray]
    partial: np.ndarray
    apart: Sequence[Bounds]


class Lanes:
    """Copies of those arrays of a plan that its calls write; `rest` is (lanes, bytes of all parts)."""

    def __init__(self, count: int, bounds: Mapping[int, tuple[int, int]], apart: Sequence[Bounds]) -> None:
        """See `lanes_within`."""
        self.count = count
        self.rest = aligned((count, sum(high - low for low, high in apart)), _BYTES)
        self._apart: list[_Region] = []
        start = 0
        for low, high in apart:
            self._apart.append(_Region(low, high, self.rest, start, self.rest.shape[1]))
            start += high - low
        self._regions = {key: _copied(*each, count) for key, each in bounds.items()}

    def is_local(self, array: np.ndarray) -> bool:
        """Whether each lane has one of its own."""
        return self._region(array) is not None

    def lane(self, array: np.ndarray, number: int) -> np.ndarray:
        """A lane's own array in the place of the plan's; the plan's where it is common to all."""
        return self.stacked(array)[(number, ...)] if self.is_local(array) else array

    def stacked(self, array: np.ndarray) -> np.ndarray:
        """All lanes' arrays (lanes, *shape) as one. It must be local."""
        region = self._region(array)
        if region is None:
            raise ValueError(f"expected an array of which each lane has its own, got shape {array.shape}")
        return np.ndarray(
            (self.count, *array.shape),
            array.dtype,
            region.lanes,
            region.start + array.ctypes.data - region.low,
            (region.step, *array.strides),
        )

    def _region(self, array: np.ndarray) -> _Region | None:
        address = array.ctypes.data
        for region in self._apart:
            if region.low <= address < region.high:
                return region
        return self._regions.get(id(_owner(array)))


def lanes_within(most: int, count: int, used: Used) -> Lanes | None:
    """So many lanes, if they take `most` bytes at most; None, too, where a part of the partial is missing."""
    changing = {id(_owner(array)) for array in used.written} - {id(_owner(used.partial))}
    bounds: dict[int, Bounds] = {}
    for array in used.arrays:
        low, high = np.lib.array_utils.byte_bounds(array)
        owner = id(_owner(array))
        if owner in changing:
            least, most_so_far = bounds.get(owner, (low, high))
            bounds[owner] = (min(low, least), max(high, most_so_far))
        elif owner == id(_owner(used.partial)) and not any(
            start <= low and high <= end for start, end in used.apart
        ):
            return None
    room = sum(high - low for low, high in (*bounds.values(), *used.apart))
    return Lanes(count, bounds, used.apart) if count * room <= most else None


def _owner(array: np.ndarray) -> np.ndarray:
    """Whose memory an array is a view of."""
    while array.base is not None:
        array = array.base
    return array


def _copied(low: int, high: int, count: int) -> _Region:
    """So many copies of a piece of memory as it is now: frames and columns of ones are set once."""
    lanes = aligned((count, high - low), _BYTES)
    for lane in lanes:
        ctypes.memmove(lane.ctypes.data, low, high - low)
    return _Region(low, high, lanes, 0, high - low)


def taller(stacked: np.ndarray) -> np.ndarray | None:
    """Lanes of rows (lanes, rows, ...) as (lanes * rows, ...), where the next lane begins as a row would."""
    if (
        stacked.ndim not in (2, 3)
        or not stacked.size
        or stacked.strides[0] != stacked.shape[1] * stacked.strides[1]
    ):
        return None
    shape = (stacked.shape[0] * stacked.shape[1], *stacked.shape[2:])
    return np.lib.stride_tricks.as_strided(stacked, shape, stacked.strides[1:])
