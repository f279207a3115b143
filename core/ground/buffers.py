"""Arrays that start on a cache line, so that vector loads never straddle two lines."""

import math

import numpy as np

ALIGNMENT_BYTES = 64


def aligned(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros of `shape`, C-contiguous, whose first element lies at a multiple of ALIGNMENT_BYTES."""
    size = shape if isinstance(shape, int) else math.prod(shape)
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT_BYTES, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT_BYTES
    return raw[start : start + size * dtype.itemsize].view(dtype).reshape(shape)
