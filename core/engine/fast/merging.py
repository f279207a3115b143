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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lockstep.core.engine.fast.calls import Form, Slot
from lockstep.core.engine.fast.lanes import taller
from lockstep.core.engine.fast.telling import MAX_DRAWS, RESULTS, cancel, numbers, signed_zeros
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import PIECE

TOGETHER = 2 * PIECE
"""Numbers of all lanes that are worked on in one call; where there are more, the call itself costs nothing,

and each lane finds its own in the cache.
"""
KINDS = MIN_DRAWS = 3


class Layout(NamedTuple):
    """How an operand lies in memory: `step` bytes from lane to lane, None for one that is common to all."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    step: int | None


class Question(NamedTuple):
    """A call of which is asked how its lanes may go together."""

    form: Form
    layouts: tuple[Layout, ...]
    lanes: int


Way = Callable[[Form, Sequence[np.ndarray], Sequence[bool]], Call | None]
"""(call, its operands: stacked (lanes, *shape) where local, which are local) -> one call for all lanes."""


def together(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """One call for all lanes, whose arrays are stacked where `local`; None where each goes by itself."""
    lanes = next(len(array) for array, own in zip(arrays, local, strict=True) if own)
    layouts = tuple(
        Layout(
            array.shape[1:] if own else array.shape,
            array.strides[1:] if own else array.strides,
            array.dtype.str,
            array.strides[0] if own else None,
        )
        for array, own in zip(arrays, local, strict=True)
    )
    way = found_way(Question(form, layouts, lanes))
    return None if way is None else way(form, arrays, local)


@functools.cache
def found_way(question: Question) -> Way | None:
    """The first way that has the bits of each lane by itself."""
    for way in ways_of(question):
        if is_alike(question, way):
            return way
    return None


def ways_of(question: Question) -> Iterator[Way]:
    """Those to be tried, the best first."""
    form = question.form
    local = [layout.step is not None for layout in question.layouts]
    if not all(local[number] for number in form.writes) or not form.writes:
        return
    if form.kind == "row" or (form.kind == "product" and question.layouts[form.arguments[2].number].shape):
        yield tall
    largest = max(int(np.prod(layout.shape)) for layout in question.layouts if layout.step is not None)
    if question.lanes * largest <= TOGETHER and form.kind in _STACKED:
        yield _STACKED[form.kind]


def is_alike(question: Question, way: Way) -> bool:
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
    draws = min(max(RESULTS // max(results[0].size, 1), MIN_DRAWS), MAX_DRAWS)
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for draw in range(draws):
            _draw(question, arrays, random, draw)
            before = [each.copy() for each in results]
            for each in apart:
                each()
            expected = [each.tobytes() for each in results]
            for array, copy in zip(results, before, strict=True):
                np.copyto(array, copy)
            call()
            if expected != [each.tobytes() for each in results]:
                return False
    return True


def _draw(question: Question, arrays: Sequence[np.ndarray], random: np.random.Generator, draw: int) -> None:
    """Fill all operands with numbers; those of products with another kind of them in each draw.

    Numbers that cancel, then zeros of both signs, then any; see telling.py. Of others some are such zeros.
    """
    for array in arrays:
        if array.dtype.kind == "f":
            array[...] = numbers(random, array)
        else:
            array[...] = random.integers(0, 2, array.shape)
    if question.form.kind != "product":
        for array in arrays:
            if array.dtype.kind == "f":
                array[array > 0.4], array[array < -0.4] = 0.0, -0.0
        return
    a, b, _ = (slot.number for slot in question.form.arguments)
    right = arrays[b][..., np.newaxis] if len(question.layouts[b].shape) == 1 else arrays[b]
    if draw % KINDS == 0:
        cancel(random, arrays[a], right)
    elif draw % KINDS == 1:
        signed_zeros(arrays[a], right)


def _room(layout: Layout, lanes: int) -> np.ndarray:
    """An array of such a layout, all lanes' where there is one for each."""
    dtype = np.dtype(layout.dtype)
    shape, strides = layout.shape, layout.strides
    if layout.step is not None:
        shape, strides = (lanes, *shape), (layout.step, *strides)
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    low, high = sum(min(each, 0) for each in reach), sum(max(each, 0) for each in reach)
    memory = aligned(high - low + dtype.itemsize, np.dtype(np.uint8))
    return np.ndarray(shape, dtype, memory, -low, strides)


def tall(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """The lanes' rows as one matrix, where they lie so in memory."""
    slots = [slot.number for slot in form.arguments]
    if form.kind == "row":
        row, out = slots
        rows = taller(arrays[out])
        return None if local[row] or rows is None else form.on(_placed(arrays, {out: rows}))
    a, b, out = slots
    if len({a, b, out}) < 3:
        return None
    if local[a] and not local[b]:
        rows, result = taller(arrays[a]), taller(arrays[out])
        if rows is not None and result is not None:
            return form.on(_placed(arrays, {a: rows, out: result}))
    if local[b] and not local[a]:
        rows, result = taller(_turned(arrays[b])), taller(_turned(arrays[out]))
        if rows is not None and result is not None:
            return form.on(_placed(arrays, {b: rows.T, out: result.T}))
    return None


def _placed(arrays: Sequence[np.ndarray], others: dict[int, np.ndarray]) -> list[np.ndarray]:
    return [others.get(number, array) for number, array in enumerate(arrays)]


def _turned(stacked: np.ndarray) -> np.ndarray:
    """Each lane's matrix transposed; what is none stays, and can't be taller."""
    return stacked.swapaxes(1, 2) if stacked.ndim == 3 else stacked[:0]


def stacked_ufunc(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """An elementwise function: each lane's operands with as many axes as the result has."""
    (result, *_) = (arrays[number] for number in sorted(form.writes))
    return form.on(_aligned_axes(arrays, local, result.ndim))


def _aligned_axes(arrays: Sequence[np.ndarray], local: Sequence[bool], axes: int) -> list[np.ndarray]:
    """Stacked arrays with so many axes, the lanes' first; flat, where all of them lie alike without gaps."""
    own = [array for array, is_own in zip(arrays, local, strict=True) if is_own]
    if all(_lies_like(array, own[0]) for array in own) and all(
        is_own or not array.ndim for array, is_own in zip(arrays, local, strict=True)
    ):
        return [_flat(each) if is_own else each for each, is_own in zip(arrays, local, strict=True)]
    return [
        array.reshape(len(array), *(1,) * (axes - array.ndim), *array.shape[1:]) if is_own else array
        for array, is_own in zip(arrays, local, strict=True)
    ]


def _lies_like(array: np.ndarray, other: np.ndarray) -> bool:
    without_gaps = array.strides[0] == array[0].nbytes and (
        array[0].flags.c_contiguous or _in_memory_order(array[0]).flags.c_contiguous
    )
    return array.shape == other.shape and array.strides == other.strides and without_gaps


def _in_memory_order(array: np.ndarray) -> np.ndarray:
    return array.transpose(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))


def _flat(stacked: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(stacked, (stacked.size,), (stacked.itemsize,))


def stacked_reduce(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """A reduction over an axis, which is one further with the lanes before it."""
    names = ("array", "axis", "dtype", "out")
    given = dict(zip(names, form.arguments, strict=False)) | dict(form.options)
    axis, source = given["axis"], given["array"]
    if set(given) - set(names) or not isinstance(axis, int) or not all(local):
        return None
    function, out = form.function, arrays[given["out"].number]
    return partial(function, arrays[source.number], axis + 1 if axis >= 0 else axis, given.get("dtype"), out)


def stacked_product(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """Products of as many matrices: np.matmul, with vectors as matrices of one row or one column."""
    a, b, out = (slot.number for slot in form.arguments)
    axes = [arrays[number].ndim - local[number] for number in (a, b, out)]
    left, right, result = arrays[a], arrays[b], arrays[out]
    if axes[1] == 1:
        right, result = right[..., np.newaxis], result[..., np.newaxis]
    if axes[0] == 1:
        left, result = left[..., np.newaxis, :], result[..., np.newaxis, :]
    deepest = result.ndim
    left, right = (
        each.reshape(len(each), *(1,) * (deepest - each.ndim), *each.shape[1:]) if local[number] else each
        for each, number in ((left, a), (right, b))
    )
    return partial(np.matmul, left, right, result)


def stacked_take(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """Rows out of a table that is common to all."""
    if form.of is None or local[form.of.number]:
        return None
    options = dict(form.options)
    if options.get("axis") != 0 or not all(arrays[number].flags.c_contiguous for number in form.writes):
        return None
    return form.on(arrays)


def stacked_fill(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:  # noqa: ARG001
    """One number everywhere."""
    (array,) = arrays
    return partial(np.copyto, array, np.array(form.arguments[0], array.dtype))


def stacked_set(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """A copy to all of an array, by `array[...] = ...`."""
    place, source = form.arguments
    if place is not Ellipsis or not isinstance(source, Slot) or form.of is None:
        return None
    aligned_to = _aligned_axes(arrays, local, arrays[form.of.number].ndim)
    return partial(np.copyto, aligned_to[form.of.number], aligned_to[source.number])


def stacked_row(form: Form, arrays: Sequence[np.ndarray], local: Sequence[bool]) -> Call | None:
    """A row added to each of all lanes' rows."""
    row, out = (slot.number for slot in form.arguments)
    axes = _aligned_axes(arrays, local, arrays[out].ndim)
    return partial(np.add, axes[out], axes[row], axes[out])


_STACKED: dict[str, Way] = {
    "ufunc": stacked_ufunc,
    "copy": stacked_ufunc,
    "row": stacked_row,
    "reduce": stacked_reduce,
    "product": stacked_product,
    "take": stacked_take,
    "fill": stacked_fill,
    "set": stacked_set,
}
