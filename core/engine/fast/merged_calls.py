"""The ways to make one call of the calls of all lanes, whatever bits they have; merging.py asks for these."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lockstep.core.engine.fast.calls import Form, Slot
from lockstep.core.engine.fast.lanes import taller
from lockstep.core.ground.blas import Call

Way = Callable[[Form, Sequence[np.ndarray], Sequence[bool]], Call | None]
"""(call, its operands: stacked (lanes, *shape) where local, which are local) -> one call for all lanes."""


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


STACKED: dict[str, Way] = {
    "ufunc": stacked_ufunc,
    "copy": stacked_ufunc,
    "row": stacked_row,
    "reduce": stacked_reduce,
    "product": stacked_product,
    "take": stacked_take,
    "fill": stacked_fill,
    "set": stacked_set,
}
