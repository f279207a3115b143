"""Products that add themselves to what is there: to the weights, or to another shard's gradient.

A gradient is read once, just after it was written: by plain gradient descent, W -= rate XᵀD, or by the tree
that adds the shards. Where nobody else wants it, the product may add to its target itself (BLAS's gemm with
beta 1), which spares a write and a read of all gradients. Whether each number then is rounded as it is by the
product and the addition after it depends on the sizes and on the kernels that BLAS takes for them. So it is
asked: both ways run once on random numbers in matrices of the same sizes and layouts, and only where all bits
are equal the shorter one is taken. Another order of sums shows in thousands of sums at once; which way BLAS
takes does not depend on the values.
"""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np

from core.blas import SHORT, Call, Vectors, product_added
from core.buffers import aligned
from core.ops.base import WeightProduct, product
from core.optim.base import blocks
from core.parameters import Parameters
from core.plan import Plan

MOST_PROBED = 2**25
"""Larger gradients are not probed: it takes three arrays of their size."""
PATIENCE = 16
"""So many steps are taken before products are probed, which takes as long as two or three of them."""


def updating(plan: Plan, parameters: Parameters, gradient: np.ndarray, minus_rate: np.ndarray) -> list[Call]:
    """The calls of the plan's backward pass and of W += minus_rate gradient, as few as have the same bits.

    `gradient` (P,) is where the plan writes; of the products that update nothing is left there.
    """
    flat = parameters.flat
    vectors = Vectors(flat.size, flat.dtype)

    def update(each: WeightProduct, mine: slice) -> Call | None:
        call = product_added(minus_rate, each.a, each.b, flat[mine].reshape(each.out.shape))
        return call if _alike(each, "axpy" if vectors.fused else "multiply, add") else None

    calls, rest = _replaced(plan, gradient, update)
    work = aligned(0 if vectors.fused else flat.size, flat.dtype)
    for run in rest:
        for block in blocks(run.stop - run.start):
            part = slice(run.start + block.start, run.start + block.stop)
            calls += vectors.axpy(minus_rate, gradient[part], flat[part], work[part])
    return calls


def landing(plan: Plan, written: np.ndarray, target: np.ndarray, *, adds: bool) -> list[Call]:
    """The calls of the plan's backward pass that leave in `target`, or add to it, what else is in `written`.

    Both are (width,), `written` the plan's own partial.
    """
    one = np.ones((), target.dtype)

    def land(each: WeightProduct, mine: slice) -> Call | None:
        out = target[mine].reshape(each.out.shape)
        if not adds:
            return product(each.a, each.b, out)
        return product_added(one, each.a, each.b, out) if _alike(each, "add") else None

    calls, rest = _replaced(plan, written, land)
    for run in rest:
        left, right = target[run], written[run]
        calls.append(partial(np.add, left, right, left) if adds else partial(np.copyto, left, right))
    return calls


def _replaced(
    plan: Plan, written: np.ndarray, instead: Callable[[WeightProduct, slice], Call | None]
) -> tuple[list[Call], list[slice]]:
    """The backward pass with other calls where `instead` gives one, and which parts it still writes."""
    calls = list(plan.backward)
    rest = np.ones(written.size, dtype=bool)
    for each in plan.products:
        start = (each.out.ctypes.data - written.ctypes.data) // written.itemsize
        mine = slice(start, start + each.out.size)
        call = instead(each, mine) if each.out.flags.c_contiguous else None
        if call is not None:
            calls[each.position] = call
            rest[mine] = False
    edges = np.flatnonzero(np.diff(rest, prepend=False, append=False))
    runs = [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return calls, runs


_Layout = tuple[tuple[int, ...], tuple[int, ...]]


def _alike(each: WeightProduct, after: str) -> bool:
    """Whether a product that adds has the bits of the product and what comes `after` it: see _probe."""
    if each.out.size > MOST_PROBED:
        return False
    a, b = ((factor.shape, factor.strides) for factor in (each.a, each.b))
    return _probe(a, b, each.out.dtype.name, after)


@functools.cache
def _probe(a: _Layout, b: _Layout, dtype: str, after: str) -> bool:
    """Both ways, on random numbers; remembered for the life of the process.

    `after`: "add", "axpy", or "multiply, add" in its place where vectors are short.
    """
    random = np.random.default_rng(0)
    left, right = (_random(random, layout, np.dtype(dtype)) for layout in (a, b))
    target = _numbers(random, left.shape[0] * right.shape[1], left.dtype).reshape(left.shape[0], -1)
    in_two, slopes = target.copy(), np.empty_like(target)
    factor = np.array(1.0 if after == "add" else -0.0123, dtype)
    added = product_added(factor, left, right, target)
    if added is None:
        return False
    product(left, right, slopes)()
    flat, total = slopes.reshape(-1), in_two.reshape(-1)
    if after == "add":
        np.add(total, flat, total)
    else:
        for call in Vectors(SHORT if after == "axpy" else 0, flat.dtype).axpy(factor, flat, total, flat):
            call()
    added()
    return np.array_equal(target, in_two)


def _random(random: np.random.Generator, layout: _Layout, dtype: np.dtype) -> np.ndarray:
    """A matrix of such a shape and such strides."""
    shape, strides = layout
    last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    room = _numbers(random, last // dtype.itemsize + 1, dtype)
    return np.lib.stride_tricks.as_strided(room, shape, strides)


def _numbers(random: np.random.Generator, size: int, dtype: np.dtype) -> np.ndarray:
    """Between -0.5 and 0.5."""
    numbers = random.random(size, dtype.type)
    numbers -= dtype.type(0.5)
    return numbers
