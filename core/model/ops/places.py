"""Arrays (rows, ..., features) as (places, features): for ops that treat each place of a sequence alike."""

import math

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import Recorder


def places_of(array: np.ndarray, axes: int = 1) -> np.ndarray:
    """All places of `array` under one another, (places, features) in C order; the last `axes` are one place.

    A view where the array lies so in memory, else a new array, to be filled by `read_places` or delivered by
    `write_places`.
    """
    features = math.prod(array.shape[-axes:])
    if array.flags.c_contiguous:
        return array.reshape(-1, features)
    return aligned((array.size // features, features), array.dtype)


def read_places(recorder: Recorder, array: np.ndarray, axes: int = 1) -> np.ndarray:
    """The array's values as (places, features) in C order; appends a copy where that needs one."""
    places = places_of(array, axes)
    if not np.may_share_memory(places, array):
        recorder.call(np.copyto, places.reshape(array.shape), array)
    return places


def write_places(recorder: Recorder, places: np.ndarray, array: np.ndarray) -> None:
    """Append the delivery of what `places_of` gave for `array`; nothing for a view."""
    if not np.may_share_memory(places, array):
        recorder.call(np.copyto, array, places.reshape(array.shape))
