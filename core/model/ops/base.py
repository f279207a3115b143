"""What an op sees of the program that it is compiled into: arrays, and a list to append calls to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from lockstep.core.ground.blas import Call, product_with_gaps
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.random import Stream
from lockstep.core.model.graph import Node

PIECE = 32768
"""Elements of several arrays that the second-level cache holds together."""


@dataclass(frozen=True)
class WeightProduct:
    """The call in place `position` of a backward pass leaves a @ b in `out`, the gradient of a parameter,

    and nothing after it reads that parameter.
    """

    position: int
    a: np.ndarray
    b: np.ndarray
    out: np.ndarray


class GradientTargets(Protocol):
    """Where a program wants the gradients of a node's inputs."""

    def note(self, site: "Site", index: int, product: WeightProduct) -> None:
        """Take note of the product that is the whole gradient of input `index`."""

    def target(self, site: "Site", index: int) -> np.ndarray:
        """The array that the gradient with respect to input `index` is to be written to."""

    def share(self, site: "Site", index: int) -> bool:
        """Try to make `site.gy` itself the gradient of input `index`; False where it has to be written."""


@dataclass(kw_only=True)
class Recorder:
    """Appends calls to a list, and makes the arrays that they need."""

    dtype: np.dtype
    calls: list[Call]

    def call(self, function: Callable[..., object], *arguments: object, **options: object) -> None:
        """Append a call."""
        self.calls.append(partial(function, *arguments, **options))

    def buffer(self, like: np.ndarray) -> np.ndarray:
        """A new array of the shape and memory layout of `like`, the program's dtype.

        That layout is C order, or rows innermost: in memory (*shape of one sample, rows).
        """
        if like.ndim < 2 or like.flags.c_contiguous:
            return aligned(like.shape, self.dtype)
        return rows_innermost(like.shape, self.dtype)

    def full(self, like: np.ndarray, value: float) -> np.ndarray:
        """A constant array like `like`: np.maximum is twice as fast against an array as against a number."""
        array = self.buffer(like)
        array.fill(value)
        return array

    def pieces(self, *arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Arrays of one shape, cut alike into flat pieces of PIECE elements that stay in the cache.

        As they are, where they are short or lie in memory in different ways; a single number () as one of a
        vector (1,).
        """
        if not arrays[0].ndim:
            return [tuple(array.reshape(1) for array in arrays)]
        flat = tuple(array.ravel(order="K") for array in arrays)
        alike = all(array.strides == arrays[0].strides for array in arrays)
        views = all(np.may_share_memory(*pair) for pair in zip(flat, arrays, strict=True))
        size = arrays[0].size
        if size <= PIECE or not (alike and views):
            return [arrays]
        return [tuple(each[start : start + PIECE] for each in flat) for start in range(0, size, PIECE)]

    def sum(self, column: np.ndarray, out: np.ndarray) -> None:
        """Append out = Σ of a vector, as its product with ones: half the time of np.add.reduce."""
        self.calls.append(partial(column.dot, self.full(column, 1.0), out))

    def number(self, value: float) -> np.ndarray:
        """A constant as a 0-d array of the program's dtype: cheaper in a call than a Python number."""
        return np.array(value, dtype=self.dtype)


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Call:
    """The call of out = a @ b. `a` may be a vector.

    `dot` comes to the same BLAS routine in half the time of np.matmul, for matrices without gaps; those of
    one row or column it leaves to another one. (As a method, for the function np.dot first asks its arguments
    whether one of them is to answer in its place.)
    """
    arrays = (a, b, out)
    plain = (
        all(each.flags.c_contiguous or each.flags.f_contiguous for each in (a, b)) and out.flags.c_contiguous
    )
    wide = all(each.ndim <= 2 and min(each.shape) > 1 for each in arrays)
    if plain and wide:
        return partial(a.dot, b, out)
    return product_with_gaps(a, b, out) or partial(np.matmul, a, b, out)


def rows_innermost(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros of `shape` (rows, ...), in memory (..., rows)."""
    return np.moveaxis(aligned((*shape[1:], shape[0]), dtype), -1, 0)


@dataclass(kw_only=True)
class Site(Recorder):
    """One node inside one program.

    `x` are the inputs' values, `y` is the node's own, `gy` the gradient of the loss with respect to `y` (set
    before `gradient` is asked for), `wanted` says for each input whether its gradient is. `kept` hands arrays
    from `forward` to `gradient`. `training`: whether the program is one of a training step; then `new_stream`
    makes the node's random numbers, and `moments` (2, channels) is where a node with moments tells them.
    `spent`: whether nothing reads `y` after `gradient`, which then may write over it.
    """

    node: Node
    x: tuple[np.ndarray, ...]
    y: np.ndarray
    gy: np.ndarray = field(default_factory=lambda: np.empty(0))
    wanted: tuple[bool, ...] = ()
    targets: GradientTargets | None = None
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    training: bool = False
    spent: bool = False
    new_stream: Callable[[], Stream] | None = None
    moments: np.ndarray = field(default_factory=lambda: np.empty(0))

    def stream(self) -> Stream:
        """Random numbers of this node; before each run of the program they are turned to step and shard."""
        if self.new_stream is None:
            raise RuntimeError(f"node {self.node.id} asks for random numbers outside training")
        return self.new_stream()

    def attribute(self, name: str) -> float:
        """A numeric attribute of the node."""
        return self.node.number(name)

    def sizes(self, name: str) -> tuple[int, ...]:
        """An attribute of the node that is a tuple of whole numbers."""
        return self.node.sizes(name)

    def gx(self, index: int) -> np.ndarray:
        """Where the gradient with respect to input `index` goes: each element must be written.

        It may be `gy` itself for an op that is `elementwise`, so `gy` must not be read after it is written.
        """
        if self.targets is None:
            raise RuntimeError(
                f"the gradient of node {self.node.id} is asked for in a program without gradients"
            )
        return self.targets.target(self, index)

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """Append out = a @ b; where `out` is Fortran-ordered by the transposed product, which BLAS can do."""
        self.calls.append(product(a, b, out) if out.flags.c_contiguous else product(b.T, a.T, out.T))

    def give_matrix(self, index: int, a: np.ndarray, b: np.ndarray) -> None:
        """Append: the gradient of input `index`, which no later call of the op reads, is a @ b."""
        out = self.gx(index)
        if not out.flags.c_contiguous:
            a, b, out = b.T, a.T, out.T
        self.calls.append(product(a, b, out))
        if self.targets is not None:
            self.targets.note(self, index, WeightProduct(len(self.calls) - 1, a, b, out))

    def give(self, index: int, gradient: np.ndarray) -> None:
        """Append: input `index` has the gradient `gradient`, summed over the rows where it has none."""
        if gradient is self.gy and self.targets is not None and self.targets.share(self, index):
            return
        target = self.gx(index)
        if target.ndim == gradient.ndim:
            self.call(np.copyto, target, gradient)
        else:
            self.sum(gradient, target)

    def give_product(self, index: int, a: np.ndarray, b: np.ndarray) -> None:
        """Append: the gradient of input `index` is a*b, summed over the rows where the input has none.

        `a` and `b` are scalars () or columns (rows,).
        """
        target = self.gx(index)
        if target.ndim == max(a.ndim, b.ndim):
            self.call(np.multiply, a, b, target)
        elif a.ndim == b.ndim:
            self.call(np.dot, a, b, target)
        else:
            column, scalar = (a, b) if a.ndim else (b, a)
            self.sum(column, target)
            self.call(np.multiply, target, scalar, target)
