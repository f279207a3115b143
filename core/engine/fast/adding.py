"""Products that add themselves to what is there: to the weights, or to another shard's gradient.

A gradient is read once, just after it was written: by plain gradient descent, W -= rate XᵀD, or by the tree
that adds the shards. Where nothing else reads it, the product may add to its target itself (BLAS's gemm with
beta 1), which spares a write and a read of all gradients. Whether each number then is rounded as it is by the
product and the addition after it depends on the sizes and on the kernels that BLAS takes for them. So it is
asked: both ways run in matrices of the same sizes and layouts, on numbers that are made to tell them apart
(core/engine/fast/telling.py), and only where all bits are equal the shorter one is taken. Which way BLAS
takes does not depend on the values. An answer that is wrong once breaks the promise of equal bits: a run that
goes on from a checkpoint takes its first steps the longer way again.
"""

import functools
import math
from collections.abc import Collection, Iterable
from functools import partial

import numpy as np

from lockstep.core.engine.fast.telling import AddingQuestion, Factors, draws
from lockstep.core.engine.plan import Plan
from lockstep.core.ground.blas import Call, Vectors, product_added
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import WeightProduct, product
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.base import blocks

MAX_PROBED = 2**23
"""No larger vectors or matrices are probed: it takes arrays of their size, and whole numbers up to 2^24."""
PROBED_VECTORS = 4
"""Arrays as large as what is probed."""
PATIENCE = 16
"""So many steps are taken before products are probed, which takes as long as some of them."""

_Layout = tuple[tuple[int, ...], tuple[int, ...]]
"""A matrix's shape and strides."""
Factored = tuple[int, _Layout, _Layout]
"""Of a product: where in the gradient its result begins, and how its two factors lie."""


def updating(plan: Plan, parameters: Parameters, gradient: np.ndarray, minus_rate: np.ndarray) -> list[Call]:
    """The calls of the plan's backward pass and of W += minus_rate gradient, as few as have the same bits.

    `gradient` (P,) is where the plan writes; of the products that update nothing is left there.
    """
    flat, calls = parameters.flat, list(plan.backward)
    found = factored(plan, gradient)
    alike = _which_update(flat.size, flat.dtype.name, tuple(found))
    for factors in alike:
        each = found[factors]
        call = product_added(minus_rate, each.a, each.b, _of(flat, factors))
        assert call is not None  # noqa: S101 - the probe has made one of the same layout
        calls[each.position] = call
    return calls + _moves(minus_rate, gradient, flat, others(flat.size, alike))


def landing(plan: Plan, written: np.ndarray, target: np.ndarray, *, adds: bool) -> list[Call]:
    """The calls of the plan's backward pass that leave in `target`, or add to it, what else is in `written`.

    Both are (width,), `written` the plan's own partial.
    """
    calls, one = list(plan.backward), np.ones((), target.dtype)
    done = []
    for factors, each in factored(plan, written).items():
        out = _of(target, factors)
        call = product_added(one, each.a, each.b, out) if adds else product(each.a, each.b, out)
        if call is not None and (not adds or adds_alike(factors[1:], target.dtype.name)):
            calls[each.position] = call
            done.append(factors)
    for run in others(target.size, done):
        left, right = target[run], written[run]
        calls.append(partial(np.add, left, right, left) if adds else partial(np.copyto, left, right))
    return calls


def factored(plan: Plan, written: np.ndarray) -> dict[Factored, WeightProduct]:
    """The products of a plan that writes into `written`, by what a probe has to know of them."""
    found = {}
    for each in plan.products:
        if each.out.flags.c_contiguous:
            start = (each.out.ctypes.data - written.ctypes.data) // written.itemsize
            a, b = ((factor.shape, factor.strides) for factor in (each.a, each.b))
            found[start, a, b] = each
    return found


def _slice(factors: Factored) -> slice:
    start, (a, _), (b, _) = factors
    return slice(start, start + a[0] * b[1])


def _of(vector: np.ndarray, factors: Factored) -> np.ndarray:
    """The part of a vector that a product's result takes, as its matrix."""
    return vector[_slice(factors)].reshape(factors[1][0][0], -1)


def others(size: int, products: Collection[Factored]) -> list[slice]:
    """The parts of a vector that no result of these products takes, from left to right."""
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
def _which_update(size: int, dtype: str, products: tuple[Factored, ...]) -> tuple[Factored, ...]:
    """Those of the products that may update their parts of `size` weights, all else being moved by itself."""
    return _which_add(size, np.dtype(dtype), products, scaled=True)


@functools.cache
def adds_alike(factors: tuple[_Layout, _Layout], dtype: str) -> bool:
    """Whether a product that adds has the bits of the product and np.add."""
    (rows, _), (_, columns) = factors[0][0], factors[1][0]
    return bool(_which_add(rows * columns, np.dtype(dtype), ((0, *factors),), scaled=False))


def _which_add(
    size: int, dtype: np.dtype, products: tuple[Factored, ...], *, scaled: bool
) -> tuple[Factored, ...]:
    """Those of the products that may add themselves, times a rate if `scaled`, to their parts of a vector.

    The whole vector is compared: how its other parts are rounded may depend on where they are cut.
    """
    if max((size, *(math.prod(shape) for _, *both in products for shape, _ in both))) > MAX_PROBED:
        return ()
    trial = _Trial(size, dtype, products, scaled=scaled)
    chosen = trial.possible
    while chosen:
        alike, others_alike = trial.alike(chosen)
        if alike == chosen:
            return chosen if others_alike else ()
        chosen = alike
    return ()


class _Trial:
    """Both ways to add products to a vector, on made-up numbers (core/engine/fast/telling.py)."""

    def __init__(self, size: int, dtype: np.dtype, products: tuple[Factored, ...], *, scaled: bool) -> None:
        self._size, self._products = size, products
        there, added, self._expected, self._moved = (aligned(size, dtype) for _ in range(PROBED_VECTORS))
        pairs = {each: tuple(_laid_out(layout, dtype) for layout in each[1:]) for each in products}
        self._question = AddingQuestion(
            rate=np.ones((), dtype),
            there=there,
            added=added,
            factors=[Factors(a=a, b=b, there=_of(there, each)) for each, (a, b) in pairs.items()],
            scaled=scaled,
        )
        rate = self._question.rate
        self._plain = [product(a, b, _of(added, each)) for each, (a, b) in pairs.items()]
        self._plain += (
            _moves(rate, added, self._expected, [slice(0, size)])
            if scaled
            else [partial(np.add, self._expected, added, self._expected)]
        )
        calls = {each: product_added(rate, a, b, _of(self._moved, each)) for each, (a, b) in pairs.items()}
        self._adding = {each: call for each, call in calls.items() if call is not None}
        self.possible = tuple(self._adding)

    def alike(self, chosen: tuple[Factored, ...]) -> tuple[tuple[Factored, ...], bool]:
        """Which of the chosen products have the same bits where these add themselves; whether all else has.

        By the first numbers that tell something.
        """
        question, rest = self._question, others(self._size, chosen)
        moves = _moves(question.rate, question.added, self._moved, rest)
        for _ in draws(question):
            for vector in (self._expected, self._moved):
                np.copyto(vector, question.there)
            _run(self._plain)
            _run([self._adding[each] for each in chosen])
            _run(moves)
            same = _bits(self._moved) == _bits(self._expected)
            if not same.all():
                alike = tuple(each for each in chosen if same[_slice(each)].all())
                return alike, all(same[run].all() for run in rest)
        return chosen, True


def _run(calls: Iterable[Call]) -> None:
    for call in calls:
        call()


def _bits(numbers: np.ndarray) -> np.ndarray:
    """To be compared: as numbers, 0 and -0 are equal."""
    return numbers.view(f"u{numbers.itemsize}")


def _laid_out(layout: _Layout, dtype: np.dtype) -> np.ndarray:
    """A matrix of such a shape and such strides."""
    shape, strides = layout
    last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    return np.lib.stride_tricks.as_strided(aligned(last // dtype.itemsize + 1, dtype), shape, strides)
