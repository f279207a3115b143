"""Products that update the weights themselves, W -= rate XᵀD: where a probe finds the same bits.

Plain gradient descent reads each gradient once, just after it was written. Where nobody else wants it, the
product may add to the weights in its place (BLAS's gemm with beta 1), which spares a write and a read of all
gradients. Whether each number then is rounded as it is by the product and the update after it depends on the
sizes and on the kernels that BLAS takes for them. So it is asked: both ways run once on random numbers in
matrices of the same sizes and layouts, and only where all bits are equal the shorter one is taken. Another
order of sums shows in thousands of sums at once; which way BLAS takes does not depend on the values.
"""

import functools

import numpy as np

from core.blas import SHORT, Call, Vectors, product_added
from core.buffers import aligned
from core.ops.base import WeightProduct, product
from core.optim.base import blocks
from core.parameters import Parameters
from core.plan import Plan

MOST_PROBED = 2**25
"""Larger gradients are not probed: it takes three arrays of their size."""


def updating(plan: Plan, parameters: Parameters, gradient: np.ndarray, minus_rate: np.ndarray) -> list[Call]:
    """The calls of the plan's backward pass and of W += minus_rate gradient, as few as have the same bits.

    `gradient` (P,) is where the plan writes; of the products that update nothing is left there.
    """
    calls, flat = list(plan.backward), parameters.flat
    vectors = Vectors(flat.size, flat.dtype)
    rest = np.ones(flat.size, dtype=bool)
    for each in plan.products:
        start = (each.out.ctypes.data - gradient.ctypes.data) // flat.itemsize
        mine = slice(start, start + each.out.size)
        call = product_added(minus_rate, each.a, each.b, flat[mine].reshape(each.out.shape))
        if call is not None and _adds_alike(each, flat.size):
            calls[each.position] = call
            rest[mine] = False
    work = aligned(0 if vectors.fused else flat.size, flat.dtype)
    for run in _runs(rest):
        for block in blocks(run.stop - run.start):
            part = slice(run.start + block.start, run.start + block.stop)
            calls += vectors.axpy(minus_rate, gradient[part], flat[part], work[part])
    return calls


def _runs(mask: np.ndarray) -> list[slice]:
    """Where `mask` is true, from left to right."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _adds_alike(each: WeightProduct, size: int) -> bool:
    """Whether the product may update weights that are part of a vector of `size` elements."""
    if each.out.size > MOST_PROBED or not each.out.flags.c_contiguous:
        return False
    a, b = ((factor.shape, factor.strides) for factor in (each.a, each.b))
    return _probe(a, b, each.out.dtype.name, Vectors(size, each.out.dtype).fused)


_Layout = tuple[tuple[int, ...], tuple[int, ...]]


@functools.cache
def _probe(a: _Layout, b: _Layout, dtype: str, fused: bool) -> bool:
    """Both ways, on random numbers; remembered for the life of the process."""
    random = np.random.default_rng(0)
    left, right = (_random(random, layout, np.dtype(dtype)) for layout in (a, b))
    shape = (left.shape[0], right.shape[1])
    weights = (random.random(shape, np.float64) - 0.5).astype(dtype)
    two_ways, slopes = weights.copy(), np.empty_like(weights)
    rate = np.array(-0.0123, dtype)
    added = product_added(rate, left, right, weights)
    if added is None:
        return False
    product(left, right, slopes)()
    vectors = Vectors(SHORT if fused else 0, weights.dtype)
    for call in vectors.axpy(rate, slopes.reshape(-1), two_ways.reshape(-1), slopes.reshape(-1)):
        call()
    added()
    return np.array_equal(weights, two_ways)


def _random(random: np.random.Generator, layout: _Layout, dtype: np.dtype) -> np.ndarray:
    """A matrix of such a shape and such strides."""
    shape, strides = layout
    last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    room = (random.random(last // dtype.itemsize + 1, np.float64) - 0.5).astype(dtype)
    return np.lib.stride_tricks.as_strided(room, shape, strides)
