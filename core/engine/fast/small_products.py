"""A product cut into such of fewer rows, which BLAS multiplies without packing them first.

The gradient of a large weight from few rows is such a product: a large result of short sums. In pieces of
SMALL_PRODUCT it takes half to three quarters of the time on kernels with AVX-512; others have no such way.
Whether it has the same bits is asked, as merging.py asks.
"""

import functools

import numpy as np

from lockstep.core.engine.fast.telling import telling_factors
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.model.ops.base import product
from lockstep.core.model.ops.convolution import SMALL_PRODUCT

MAX_INNER = 32
"""Longer sums are quicker with packing."""
KERNELS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""Of OpenBLAS: those that multiply small matrices without packing."""
DRAWS = 2

_Layout = tuple[tuple[int, ...], tuple[int, ...]]


def quickest_product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> list[Call]:
    """out = a @ b, for a matrix `out` in C order, in as many calls as are quickest."""
    inner = a.shape[1]
    if blas_core() in KERNELS and inner <= MAX_INNER and a.size * b.shape[1] > SMALL_PRODUCT:
        layouts = ((a.shape, a.strides), (b.shape, b.strides))
        if are_alike(layouts, out.dtype.name):
            return tiles(a, b, out)
    return [product(a, b, out)]


def tiles(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> list[Call]:
    """The product's rows in as few pieces of one height as BLAS takes for small."""
    rows, inner = a.shape
    count = -(-rows * inner * b.shape[1] // SMALL_PRODUCT)
    height = -(-rows // count)
    return [product(a[low : low + height], b, out[low : low + height]) for low in range(0, rows, height)]


@functools.cache
def are_alike(layouts: tuple[_Layout, _Layout], dtype: str) -> bool:
    """Whether tiles have the bits of the whole product of such factors."""
    a, b = (_laid_out(layout, np.dtype(dtype)) for layout in layouts)
    whole, cut = (aligned((a.shape[0], b.shape[1]), a.dtype) for _ in range(2))
    calls = [product(a, b, whole), *tiles(a, b, cut)]
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        telling_factors(random, a, b)
        for call in calls:
            call()
        if whole.tobytes() != cut.tobytes():
            return False
    return True


def _laid_out(layout: _Layout, dtype: np.dtype) -> np.ndarray:
    shape, strides = layout
    last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    return np.ndarray(shape, dtype, aligned(last // dtype.itemsize + 1, dtype), 0, strides)
