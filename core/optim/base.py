"""What the optimizers share: their settings, blocks that stay in the cache, sums in a fixed tree."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Protocol

import numpy as np
from pydantic import Field

from lockstep.core.ground.blas import Call, Vectors
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.calls import BoundCalls
from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import Real, SpecModel

BLOCK = 131072
"""Elements worked on at a time."""

LearningRate = Annotated[Real, Field(gt=0, le=1e6)]
Decay = Annotated[Real, Field(ge=0, le=1e6)]
Beta = Annotated[Real, Field(ge=0, lt=1)]
Betas = tuple[Beta, Beta]
Epsilon = Annotated[Real, Field(gt=0, le=1)]


class Optimizer(Protocol):
    """One step of all parameters from the whole gradient, which it leaves as it is.

    The caller keeps numpy's warnings off (np.errstate(all="ignore")).

    `state` are the arrays to be saved and restored in place, by name; none is 0-d.
    """

    state: Mapping[str, np.ndarray]

    @property
    def plain_rate(self) -> np.ndarray | None:
        """The 0-d array r of which a step is p += r g and nothing else; None where it is more than that."""

    def set_learning_rate(self, value: float) -> None:
        """Take this learning rate from the next step on; at first it is the spec's."""

    def step(self, step: int, gradient: np.ndarray) -> None:
        """Update the parameters from `gradient` (P,), which must not overlap them; `step` counts from 0."""


@dataclass(frozen=True, kw_only=True)
class ScalarUpdate:
    """An optimizer's step in the lines of Python that core.engine.fast.scalar runs.

    Parameter k is `pk`; for each name in `state`, in the order of the optimizer's own, what it remembers of
    it is that name with k behind. `step` counts from 0, and sqrt is at hand.
    """

    lines: Sequence[str]
    state: Sequence[str] = ()


class OptimizerSpec(SpecModel):
    """The settings of one optimizer, and what must be known of it beside its steps.

    `needs_full_batch`: why each step has to see all rows, for people; None where batches do. `aliases`: what
    other systems call it.
    """

    type: str
    learning_rate: float
    needs_full_batch: ClassVar[str | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build(self, weights: np.ndarray) -> Optimizer:
        """What moves `weights` (P,) where they lie."""

    def problems(self) -> Iterator[Problem]:
        """Settings that do not go together, whatever they are to move; pointers begin at the optimizer."""
        yield from ()

    def problems_with(self, parameters: int) -> Iterator[Problem]:  # noqa: ARG002 - most take any number
        """Why this many parameters cannot be moved; pointers begin at the optimizer."""
        yield from ()

    def scalar_update(self, slopes: Sequence[str]) -> ScalarUpdate | None:  # noqa: ARG002 - most have none
        """The step by these gradients, names of numbers; None where these settings are not written out."""
        return None


def blocks(size: int) -> list[slice]:
    """`size` elements in pieces of BLOCK."""
    return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]


@dataclass(frozen=True, kw_only=True)
class ParameterBlock:
    """One block's parameters `p`, gradient `g`, state by name, and room to compute in."""

    p: np.ndarray
    g: np.ndarray
    state: Mapping[str, np.ndarray]
    work: Sequence[np.ndarray]


class Elementwise(BoundCalls):
    """An optimizer that moves each element by what is known of this element alone.

    The calls of a step are bound to the gradient's memory: `append` adds those of one block, with `works`
    arrays to compute in. The blocks alter no bits. Numbers that all elements share are 0-d arrays of the
    parameters' dtype: they cost less than Python's in each call, and `prepare` may change them from step to
    step. `rate` is the learning rate as such an array, `minus_rate` its negative. `vectors` makes the calls
    that BLAS does better than NumPy. `elements` is the part of the state that is of single elements, (P,)
    each; what else there is follows from the steps alone.
    """

    works: ClassVar[int] = 2

    def __init__(self, learning_rate: float, weights: np.ndarray, state: Sequence[str]) -> None:
        super().__init__()
        self.dtype = weights.dtype
        self.elements: Mapping[str, np.ndarray] = {name: aligned(weights.size, self.dtype) for name in state}
        self.state: Mapping[str, np.ndarray] = self.elements
        self.learning_rate = learning_rate
        self.rate = self.number(learning_rate)
        self.minus_rate = self.number(-learning_rate)
        self.vectors = Vectors(weights.size, self.dtype)
        self._weights = weights
        self._weight_decay = 0.0
        self._kept = self.number(1.0)

    @property
    def plain_rate(self) -> np.ndarray | None:
        """See Optimizer."""
        return None

    def set_learning_rate(self, value: float) -> None:
        """See Optimizer."""
        self.learning_rate = value
        self.rate[()] = value
        self.minus_rate[()] = -value
        self._kept[()] = 1.0 - value * self._weight_decay

    def step(self, step: int, gradient: np.ndarray) -> None:
        """See Optimizer."""
        calls = self.calls_on(gradient)
        self.prepare(step)
        for call in calls:
            call()

    def bind(self, array: np.ndarray) -> None:
        """See BoundCalls."""
        self._calls += self.bound(self._blocks(array))

    def bound(self, blocks: Iterable[ParameterBlock]) -> list[Call]:
        """The calls of a step on these blocks, wherever they lie; each step `prepare` comes before them."""
        calls, self._calls = self._calls, []
        for block in blocks:
            self.append(block)
        bound, self._calls = self._calls, calls
        return bound

    @abstractmethod
    def append(self, block: ParameterBlock) -> None:
        """Append the calls of one block."""

    def prepare(self, step: int) -> None:
        """Set the numbers of this step; `step` counts from 0."""

    def number(self, value: float) -> np.ndarray:
        """A number that all elements share."""
        return np.array(value, dtype=self.dtype)

    def _blocks(self, gradient: np.ndarray) -> Iterator[ParameterBlock]:
        """The blocks; all compute in the same arrays, so that these stay cached."""
        longest = min(BLOCK, self._weights.size)
        work = [aligned(longest, self.dtype) for _ in range(self.works)]
        for block in blocks(self._weights.size):
            yield ParameterBlock(
                p=self._weights[block],
                g=gradient[block],
                state={name: vector[block] for name, vector in self.elements.items()},
                work=[array[: block.stop - block.start] for array in work],
            )

    def call(self, function: Callable[..., object], *arguments: object, **names: object) -> None:
        """Append a call."""
        self._calls.append(partial(function, *arguments, **names))

    def calls(self, calls: Sequence[Call]) -> None:
        """Append calls."""
        self._calls += calls

    def decay(self, p: np.ndarray, g: np.ndarray, weight_decay: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Append out = g + weight_decay p; give `out`."""
        self.call(np.multiply, p, weight_decay, out)
        self.call(np.add, g, out, out)
        return out

    def shrink(self, p: np.ndarray, weight_decay: float) -> None:
        """Append p *= 1 - learning_rate weight_decay, the decay that is not part of the gradient."""
        self._weight_decay = weight_decay
        self._kept[()] = 1.0 - self.learning_rate * weight_decay
        self.call(np.multiply, p, self._kept, p)


class Limits:
    """Moves elements into [-limit, limit], for blocks of up to `longest` elements.

    The limits are arrays: np.minimum with a 0-d array takes three times as long.
    """

    def __init__(self, limit: float, longest: int, dtype: np.dtype) -> None:
        self._high = aligned(longest, dtype)
        self._high.fill(limit)
        self._low = -self._high
        self._largest = np.array(np.finfo(dtype).max, dtype)

    def bound(self, x: np.ndarray, out: np.ndarray) -> list[Call]:
        """The calls that leave the bounded elements of `x` in `out`; NaN stays NaN."""
        return [
            partial(np.minimum, x, self._high[: x.size], out=out),
            partial(np.maximum, out, self._low[: x.size], out=out),
        ]

    def sign(self, x: np.ndarray, out: np.ndarray) -> list[Call]:
        """The calls that leave limit * sign(x) in `out`, 0 at 0 and NaN at NaN.

        np.sign branches for each element, which takes ten times as long where signs are mixed. Whatever is
        not 0, denormals too, is beyond 1 after two factors of the largest number.
        """
        largest = self._largest
        return [
            partial(np.multiply, x, largest, out),
            partial(np.multiply, out, largest, out),
            *self.bound(out, out),
        ]


class Terms:
    """Room for `count` terms, 0-d arrays in `cells`, and their sum: `add` leaves it in `total`, the first.

    They are added in a binary tree that follows from `count` alone.
    """

    def __init__(self, count: int, dtype: np.dtype) -> None:
        row = aligned(max(1, count), dtype)
        self.cells = tuple(row[index : index + 1].reshape(()) for index in range(len(row)))
        self.total = self.cells[0]
        self._calls: list[Call] = []
        span = 1
        while span < count:
            for left in range(0, count - span, 2 * span):
                total, term = self.cells[left], self.cells[left + span]
                self._calls.append(partial(np.add, total, term, total))
            span *= 2

    def add(self) -> np.ndarray:
        """Sum the terms, of which some are overwritten; give `total`."""
        for call in self._calls:
            call()
        return self.total


class Dot:
    """Scalar products of vectors of `size` elements: fixed blocks, added in a fixed tree."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self._blocks = blocks(size)
        self._terms = Terms(len(self._blocks), dtype)

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """a · b as a 0-d array, overwritten by the next call."""
        for block, cell in zip(self._blocks, self._terms.cells, strict=False):
            np.dot(a[block], b[block], out=cell)
        return self._terms.add()
