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
from collections.abc import Collection
from functools import partial

import numpy as np

from lockstep.core.engine.plan import Plan
from lockstep.core.ground.blas import Call, Vectors, product_added
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import WeightProduct, product
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.base import blocks

MOST_PROBED = 2**23
"""Larger gradients are not probed: it takes some arrays of their size."""
PATIENCE = 16
"""So many steps are taken before products are probed, which takes as long as two or three of them."""

_Layout = tuple[tuple[int, ...], tuple[int, ...]]
"""A matrix's shape and strides."""
_Factors = tuple[int, _Layout, _Layout]
"""Of a product: where in the gradient its result begins, and how its two factors lie."""


def updating(plan: Plan, parameters: Parameters, gradient: np.ndarray, minus_rate: np.ndarray) -> list[Call]:
    """The calls of the plan's backward pass and of W += minus_rate gradient, as few as have the same bits.

    `gradient` (P,) is where the plan writes; of the products that update nothing is left there.
    """
    flat, calls = parameters.flat, list(plan.backward)
    found = _factors_of(plan, gradient)
    alike = _which_update(flat.size, flat.dtype.name, tuple(found)) if flat.size <= MOST_PROBED else ()
    for factors in alike:
        each = found[factors]
        call = product_added(minus_rate, each.a, each.b, _of(flat, factors))
        assert call is not None  # noqa: S101 - the probe has made one of the same layout
        calls[each.position] = call
    return calls + _moves(minus_rate, gradient, flat, _others(flat.size, alike))


def landing(plan: Plan, written: np.ndarray, target: np.ndarray, *, adds: bool) -> list[Call]:
    """The calls of the plan's backward pass that leave in `target`, or add to it, what else is in `written`.

    Both are (width,), `written` the plan's own partial.
    """
    calls, one = list(plan.backward), np.ones((), target.dtype)
    done = []
    for factors, each in _factors_of(plan, written).items():
        out = _of(target, factors)
        call = product_added(one, each.a, each.b, out) if adds else product(each.a, each.b, out)
        if call is not None and (not adds or _adds_alike(factors[1:], target.dtype.name)):
            calls[each.position] = call
            done.append(factors)
    for run in _others(target.size, done):
        left, right = target[run], written[run]
        calls.append(partial(np.add, left, right, left) if adds else partial(np.copyto, left, right))
    return calls


def _factors_of(plan: Plan, written: np.ndarray) -> dict[_Factors, WeightProduct]:
    """The products of a plan that writes into `written`, by what a probe has to know of them."""
    found = {}
    for each in plan.products:
        if each.out.flags.c_contiguous:
            start = (each.out.ctypes.data - written.ctypes.data) // written.itemsize
            a, b = ((factor.shape, factor.strides) for factor in (each.a, each.b))
            found[start, a, b] = each
    return found


def _slice(factors: _Factors) -> slice:
    start, (a, _), (b, _) = factors
    return slice(start, start + a[0] * b[1])


def _of(vector: np.ndarray, factors: _Factors) -> np.ndarray:
    """The part of a vector that a product's result takes, as its matrix."""
    return vector[_slice(factors)].reshape(factors[1][0][0], -1)


def _others(size: int, products: Collection[_Factors]) -> list[slice]:
    """What of a vector no result of these products takes, from left to right."""
    left = np.ones(size, dtype=bool)
    for factors in products:
        left[_slice(factors)] = False
    edges = np.flatnonzero(np.diff(left, prepend=False, append=False))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _moves(rate: np.ndarray, x: np.ndarray, y: np.ndarray, runs: Collection[slice]) -> list[Call]:
    """y += rate x in some parts of two vectors, as an optimizer does it."""
    vectors = Vectors(y.size, y.dtype)
    work = aligned(0 if vectors.fused else y.size, y.dtype)
    calls: list[Call] = []
    for run in runs:
        for block in blocks(run.stop - run.start):
            part = slice(run.start + block.start, run.start + block.stop)
            calls += vectors.axpy(rate, x[part], y[part], work[part])
    return calls


@functools.cache
def _which_update(size: int, dtype: str, products: tuple[_Factors, ...]) -> tuple[_Factors, ...]:
    """Those of the products that may update their parts of `size` weights, all else being moved by itself.

    The whole vector is compared: how its other parts are rounded may depend on where they are cut.
    """
    trials = [_Trial(size, np.dtype(dtype), products, telling=telling) for telling in (False, True)]
    chosen = trials[0].possible
    while chosen:
        alike = chosen
        for trial in trials:
            alike, others_alike = trial.alike(chosen, alike)
            if not others_alike and alike == chosen:
                return ()
        if alike == chosen:
            return chosen
        chosen = alike
    return ()


class _Trial:
    """Both ways to update, on made-up numbers.

    Random ones show another order of a product's sums. Whether r g + w is rounded once or twice they show in
    every fourth number only, too seldom where it concerns the last few numbers of a vector; so the `telling`
    ones are such that it shows in each: r g is (1 + ε)² = 1 + 2ε + ε², w is -(1 + 2ε), and r g by itself is
    rounded to 1 + 2ε.
    """

    def __init__(self, size: int, dtype: np.dtype, products: tuple[_Factors, ...], *, telling: bool) -> None:
        random, small = np.random.default_rng(0), dtype.type(2.0 ** -(np.finfo(dtype).nmant // 2 + 1))
        self._size = size
        self._rate = np.array(1 + small if telling else -0.7371, dtype)
        self._weights, self._gradient = (_numbers(random, size, dtype) for _ in range(2))
        self._pairs = {each: [_random(random, layout, dtype) for layout in each[1:]] for each in products}
        if telling:
            self._weights[:], self._gradient[:] = -(1 + 2 * small), 1 + small
            for a, b in self._pairs.values():
                a[:], b[:] = 0, 0
                a[:, 0], b[0] = 1, 1 + small
        for each, (a, b) in self._pairs.items():
            product(a, b, _of(self._gradient, each))()
        self._expected = self._weights.copy()
        _run(_moves(self._rate, self._gradient, self._expected, [slice(0, size)]))
        calls = {each: self._updated_by(each, self._expected) for each in products}
        self.possible = tuple(each for each in products if calls[each])

    def _updated_by(self, each: _Factors, weights: np.ndarray) -> Call | None:
        a, b = self._pairs[each]
        return product_added(self._rate, a, b, _of(weights, each))

    def alike(
        self, chosen: tuple[_Factors, ...], asked: tuple[_Factors, ...]
    ) -> tuple[tuple[_Factors, ...], bool]:
        """Which of the products that are `asked` for have the same bits where the chosen ones update; and

        whether all that these leave to itself has.
        """
        moved, others = self._weights.copy(), _others(self._size, chosen)
        _run([self._updated_by(each, moved) for each in chosen])
        _run(_moves(self._rate, self._gradient, moved, others))
        same = moved == self._expected
        return tuple(each for each in asked if same[_slice(each)].all()), all(
            same[run].all() for run in others
        )


@functools.cache
def _adds_alike(factors: tuple[_Layout, _Layout], dtype: str) -> bool:
    """Whether a product that adds has the bits of the product and np.add."""
    random = np.random.default_rng(0)
    a, b = (_random(random, layout, np.dtype(dtype)) for layout in factors)
    target = _numbers(random, len(a) * b.shape[1], a.dtype).reshape(len(a), -1)
    expected, result = target.copy(), np.empty_like(target)
    added = product_added(np.ones((), dtype), a, b, target)
    product(a, b, result)()
    np.add(expected, result, expected)
    _run([added])
    return np.array_equal(target, expected)


def _run(calls: Collection[Call | None]) -> None:
    for call in calls:
        if call is not None:
            call()


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
