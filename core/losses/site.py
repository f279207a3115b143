"""What a loss sees of the plan that it is compiled into."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.ops.base import Recorder, product


@dataclass(kw_only=True)
class LossSite(Recorder):
    """A loss inside one plan.

    `output` (rows, ..., outputs) is the model's, `y` the targets as `Loss.room` makes room for them,
    `denominator` () what the whole batch's sum is divided by. `forward` writes `total` (), the undivided sum;
    `gradient` writes `gradient`, like `output` in shape and memory. `loading`, if given, takes the calls that
    follow from `y` and `denominator` alone: they need be run only after these have changed.

    A loss that `stacks` may also be given several shards one upon another: then `total` has the shape
    (shards,), `output` and `gradient` (shards, rows, outputs), and `y` the rows of all shards. `stacks`, if
    given, makes one call of the products of all shards where that has the bits of one after another.
    """

    output: np.ndarray
    y: np.ndarray
    denominator: np.ndarray
    total: np.ndarray
    gradient: np.ndarray
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    loading: list[Call] | None = None
    stacks: Callable[[np.ndarray, np.ndarray, np.ndarray], Call | None] | None = None

    def load(self, function: Callable[..., object], *arguments: object, **options: object) -> None:
        """Append a call that reads nothing but `y` and `denominator`, or what such calls have written."""
        calls = self.calls if self.loading is None else self.loading
        calls.append(partial(function, *arguments, **options))

    @property
    def values(self) -> np.ndarray:
        """The targets in the output's shape."""
        return self.y.reshape(self.output.shape)

    def divided(self, factor: float) -> np.ndarray:
        """Append the computing of factor / denominator; give the 0-d array."""
        scale = self.number(0.0)
        self.load(np.divide, self.number(factor), self.denominator, scale)
        return scale

    def error(self) -> np.ndarray:
        """Append the computing of output - y, flat; give the array, made once."""
        if "error" not in self.kept:
            error = self.kept["error"] = self.buffer(self.output)
            self.call(np.subtract, self.output, self.values, error)
        return flat(self.kept["error"])

    def sums(self, rows: np.ndarray) -> None:
        """Append: `total` is the sum of `rows`, each shard's apart."""
        self.products(np.ones(rows.shape[-1:], self.dtype), rows, self.total)

    def products(self, vector: np.ndarray, of: np.ndarray, out: np.ndarray) -> None:
        """Append: `out` is the product of a vector and `of`, each shard's apart."""
        together = self.stacks(vector, of, out) if self.stacks and self.total.ndim else None
        if together is not None:
            self.calls.append(together)
            return
        for shard in np.ndindex(self.total.shape):
            part, target = of[shard], out[(*shard, ...)]
            self.calls.append(
                product(vector, part, target) if part.ndim > 1 else partial(part.dot, vector, target)
            )

    def classes_first(self, array: np.ndarray) -> np.ndarray:
        """`array` (rows, ..., classes) as (classes, N) in C order: a view where it lies so in memory, else

        a new array, to be filled or read back by `exchange`.
        """
        if array.ndim == 2 + self.total.ndim and array.swapaxes(-1, -2).flags.c_contiguous:
            return array.swapaxes(-1, -2)
        return aligned((array.shape[-1], array.size // array.shape[-1]), self.dtype)

    def exchange(self, array: np.ndarray, by_class: np.ndarray, *, back: bool = False) -> None:
        """Append the copying of `array` to what `classes_first` gave for it, or back; nothing for a view."""
        if np.may_share_memory(array, by_class):
            return
        moved = np.moveaxis(array, -1, 0)
        pair = (by_class.reshape(moved.shape), moved)
        self.call(np.copyto, *(pair[::-1] if back else pair))


def flat(array: np.ndarray) -> np.ndarray:
    """All numbers of an array without gaps, in the order of its memory, as a view."""
    view = array.ravel(order="K")
    if not np.may_share_memory(view, array):
        raise ValueError(f"expected an array without gaps, got strides {array.strides}")
    return view
