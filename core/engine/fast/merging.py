"""One call for all lanes in the place of one call for each, where both leave the same bits.

Three ways are known. `stacked`: the same function over arrays with one more axis, the lanes'; it spares the
calls. `tall`: of products whose other factor is common to all lanes, the lanes' rows as one taller matrix; it
spares reading, and packing, that factor once for each lane. `apart`: each lane by itself.

Elementwise functions and reductions within a row have the same bits stacked; whether a taller product has
them depends on the sizes and on BLAS's kernels. All are asked alike (`is_alike`): both ways run on made-up
numbers in arrays of the same shapes and layouts, and only where all bits are equal the lanes go together.
Which way BLAS and NumPy take does not depend on the values.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lockstep.core.engine.fast.calls import Form
from lockstep.core.engine.fast.merged_calls import STACKED, Way, tall
from lockstep.core.engine.fast.telling import (
    MAX_DRAWS,
    RESULTS,
    cancel,
    numbers,
    signed_zeros,
    telling_factors,
)
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import PIECE

TOGETHER = 2 * PIECE
"""Numbers of all lanes that are worked on in one call; where there are more, the call itself costs nothing,

and each lane finds its own in the cache.
"""
FEW = 32
"""Fewer rows or columns than this are too few for all kinds of numbers in one draw."""
KINDS = 3


class LaneLayout(NamedTuple):
    """How an operand lies in memory: `step` bytes from lane to lane, None for one that is common to all."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    step: int | None


class LaneQuestion(NamedTuple):
    """A call of which is asked how its lanes may go together."""

    form: Form
    layouts: tuple[LaneLayout, ...]
    lanes: int


def together(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """One call for all lanes, whose arrays are stacked where `local`; None where each goes by itself."""
    lanes = next(len(array) for array, own in zip(arrays, local, strict=True) if own)
    layouts = tuple(
        LaneLayout(
            array.shape[1:] if own else array.shape,
            array.strides[1:] if own else array.strides,
            array.dtype.str,
            array.strides[0] if own else None,
        )
        for array, own in zip(arrays, local, strict=True)
    )
    way = found_way(LaneQuestion(form, layouts, lanes))
    return None if way is None else way(form, arrays, local)


@functools.cache
def found_way(question: LaneQuestion) -> Way | None:
    """The first way that has the bits of each lane by itself."""
    for way in ways_of(question):
        if is_alike(question, way):
            return way
    return None


def ways_of(question: LaneQuestion) -> Iterator[Way]:
    """Those to be tried, the best first."""
    form = question.form
    local = [layout.step is not None for layout in question.layouts]
    if not all(local[number] for number in form.writes) or not form.writes:
        return
    if form.kind == "row" or (form.kind == "product" and question.layouts[form.arguments[2].number].shape):
        yield tall
    largest = max(int(np.prod(layout.shape)) for layout in question.layouts if layout.step is not None)
    if question.lanes * largest <= TOGETHER and form.kind in STACKED:
        yield STACKED[form.kind]


def is_alike(question: LaneQuestion, way: Way) -> bool:
    """Whether a way leaves the bits that each lane by itself leaves, on numbers made up for it."""
    arrays = [_room(layout, question.lanes) for layout in question.layouts]
    local = [layout.step is not None for layout in question.layouts]
    call = way(question.form, arrays, local)
    if call is None:
        return False
    apart = [
        question.form.on(
            [each[(lane, ...)] if own else each for each, own in zip(arrays, local, strict=True)]
        )
        for lane in range(question.lanes)
    ]
    results = [arrays[number] for number in sorted(question.form.writes)]
    draws = _draws(question, results[0])
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for draw in range(draws):
            _draw(question, arrays, random, draw)
            before = [each.copy() for each in results]
            for each in apart:
                each()
            expected = [each.copy() for each in results]
            for array, copy in zip(results, before, strict=True):
                np.copyto(array, copy)
            call()
            if not all(map(_same_bits, results, expected)):
                return False
    return True


def _same_bits(array: np.ndarray, other: np.ndarray) -> bool:
    """As numbers, 0 and -0 are equal."""
    bits = f"u{array.itemsize}"
    return np.array_equal(array.view(bits), other.view(bits))


def _draws(question: LaneQuestion, result: np.ndarray) -> int:
    """How many tell enough: large results tell it in one, if they are large both ways."""
    wanted = RESULTS // max(result.size, 1)
    if question.form.kind == "product":
        wanted = max(wanted, 1 if _is_large(question) else KINDS)
    return min(max(wanted, 1), MAX_DRAWS)


def _is_large(question: LaneQuestion) -> bool:
    """Whether one draw has room for all kinds of numbers: a product of matrices of many rows and columns."""
    shapes = [question.layouts[slot.number].shape for slot in question.form.arguments]
    return all(len(shape) > 1 and min(shape[-2:]) >= FEW for shape in shapes)


def _draw(
    question: LaneQuestion, arrays: Sequence[np.ndarray], random: np.random.Generator, draw: int
) -> None:
    """Fill all operands with numbers; those of small products with another kind of them in each draw.

    Numbers that cancel, then zeros of both signs, then any; see telling.py. Of others some are such zeros.
    Of products nothing is read of what they write.
    """
    if question.form.kind != "product":
        for array in arrays:
            if array.dtype.kind == "f":
                array[...] = numbers(random, array)
                array *= np.abs(array) < 0.4
            else:
                array[...] = random.integers(0, 2, array.shape)
        return
    a, b, out = (slot.number for slot in question.form.arguments)
    arrays[out][...] = np.nan
    right = arrays[b][..., np.newaxis] if len(question.layouts[b].shape) == 1 else arrays[b]
    if _is_large(question):
        telling_factors(random, arrays[a], right)
        return
    arrays[a][...], right[...] = numbers(random, arrays[a]), numbers(random, right)
    if draw % KINDS == 0:
        cancel(random, arrays[a], right)
    elif draw % KINDS == 1:
        signed_zeros(arrays[a], right)


def _room(layout: LaneLayout, lanes: int) -> np.ndarray:
    """An array of such a layout, all lanes' where there is one for each."""
    dtype = np.dtype(layout.dtype)
    shape, strides = layout.shape, layout.strides
    if layout.step is not None:
        shape, strides = (lanes, *shape), (layout.step, *strides)
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    low, high = sum(min(each, 0) for each in reach), sum(max(each, 0) for each in reach)
    memory = aligned(high - low + dtype.itemsize, np.dtype(np.uint8))
    return np.ndarray(shape, dtype, memory, -low, strides)
