"""What a call of a plan reads and writes, so that it can be made anew on other arrays.

A plan's calls are functions with their arrays bound to them. The functions of which is known here which of
their arguments they write are all that the ops use, but for the loops over time of the recurrent ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lockstep.core.ground.blas import BlasCall, Call, row_added
from lockstep.core.ground.random import Stream
from lockstep.core.model.ops.base import product


class Slot(NamedTuple):
    """Stands for an array among a call's arguments: the number of one of its `operands`."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Form:
    """A call without its arrays: `function` of `arguments` and `options`, some of them a Slot.

    `kind` says what is known of the function: "ufunc", "copy", "reduce", "product", "row", "take" or "other".
    The function is a method of the array in slot `of`, where that is not None, and then a name. `writes` are
    the slots of the arrays that it writes; all others it reads.
    """

    kind: str
    function: Any
    arguments: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...] = ()
    of: Slot | None = None
    writes: frozenset[int]

    def on(self, arrays: Sequence[np.ndarray]) -> Call:
        """The call on these arrays, one for each slot."""
        arguments = [_filled(each, arrays) for each in self.arguments]
        if self.kind == "product":
            a, b, out = arguments
            return product(a, b, out) if out.ndim else partial(a.dot, b, out)
        if self.kind == "row":
            row, out = arguments
            return row_added(row, out) or partial(np.add, out, row, out)
        function = self.function if self.of is None else getattr(arrays[self.of.number], self.function)
        return partial(function, *arguments, **{name: _filled(each, arrays) for name, each in self.options})


@dataclass(frozen=True, kw_only=True)
class TakenApart:
    """A call taken apart. `stream`: the random numbers that it draws, if it does."""

    form: Form
    operands: tuple[np.ndarray, ...]
    stream: Stream | None = None

    @property
    def written(self) -> Iterator[np.ndarray]:
        """The arrays that it writes."""
        return (self.operands[number] for number in sorted(self.form.writes))


def _filled(argument: Any, arrays: Sequence[np.ndarray]) -> Any:
    return arrays[argument.number] if isinstance(argument, Slot) else argument


def reading_of(call: Call) -> TakenApart | None:
    """Take a call apart; None where it is not known what it writes."""
    if not isinstance(call, partial):
        return None
    if isinstance(call, BlasCall):
        return _reading((call.kind, None), call.arrays, {}, writes=(len(call.arrays) - 1,))
    function, arguments, options = call.func, call.args, call.keywords
    if isinstance(function, np.ufunc):
        kind = "product" if function is np.matmul else "ufunc"
        return _reading((kind, function), arguments, options, writes=(function.nin, "out"))
    if function in _FUNCTIONS:
        kind, *writes = _FUNCTIONS[function]
        return _reading((kind, function), arguments, options, writes=writes)
    return _method(getattr(function, "__self__", None), function.__name__, arguments, options)


_FUNCTIONS: Mapping[Callable[..., Any], tuple[Any, ...]] = {
    np.copyto: ("copy", 0),
    np.dot: ("product", 2, "out"),
    np.clip: ("ufunc", 3, "out"),
}
"""Of each function its kind, and which of its arguments it writes, by place or by name."""
_OF_ARRAYS: Mapping[str, tuple[Any, ...]] = {
    "dot": ("product", 2),
    "take": ("take", 3, "out"),
    "put": ("other", 0),
    "fill": ("fill", 0),
    "__setitem__": ("set", 0),
}
"""Likewise of an array's methods, the array itself being the first argument."""
_OF_UFUNCS: Mapping[str, tuple[Any, ...]] = {"reduce": ("reduce", 3, "out"), "at": ("other", 0)}


def _method(owner: Any, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> TakenApart | None:
    if isinstance(owner, Stream):
        drawing = _reading(("draw", name), arguments, options, writes=(0, "out"))
        return replace(drawing, stream=owner)
    if isinstance(owner, np.ufunc) and name in _OF_UFUNCS:
        kind, *writes = _OF_UFUNCS[name]
        return _reading((kind, getattr(owner, name)), arguments, options, writes=writes)
    if isinstance(owner, np.ndarray) and name in _OF_ARRAYS:
        kind, *writes = _OF_ARRAYS[name]
        if kind == "product":
            return _reading((kind, None), (owner, *arguments), options, writes=(2,))
        method = _reading((kind, name), (owner, *arguments), options, writes=writes)
        own, *others = method.form.arguments
        return replace(method, form=replace(method.form, of=own, arguments=tuple(others)))
    return None


def _reading(
    known: tuple[str, Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    *,
    writes: Sequence[int | str],
) -> TakenApart:
    """A call of `known` (kind, function), in whose operands each view is once."""
    numbers: dict[tuple[Any, ...], int] = {}
    arrays: list[np.ndarray] = []

    def slot(argument: Any) -> Any:
        if not isinstance(argument, np.ndarray):
            return argument
        key = (argument.ctypes.data, argument.shape, argument.strides, argument.dtype)
        if key not in numbers:
            numbers[key] = len(arrays)
            arrays.append(argument)
        return Slot(numbers[key])

    slots = tuple(slot(each) for each in arguments)
    named = {name: slot(each) for name, each in options.items()}
    found = [slots[place] for place in writes if isinstance(place, int) and place < len(slots)]
    found += [named[name] for name in writes if isinstance(name, str) and name in named]
    kind, function = known
    form = Form(
        kind=kind,
        function=function,
        arguments=slots,
        options=tuple(named.items()),
        writes=frozenset(each.number for each in found if isinstance(each, Slot)),
    )
    return TakenApart(form=form, operands=tuple(arrays))
