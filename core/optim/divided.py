"""An update that members of a group share out: each moves one slice of the parameters, and takes the others'.

The weights and what the optimizer remembers lie in two slots. A step reads one of them and writes the other,
so it can be done again from the same numbers, until it is known that nobody has to. Slices are cut at
multiples of WIDEST; then they have the bits that the whole vector has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from lockstep.core.ground.blas import WIDEST, Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.optim.base import Elementwise, Optimizer, ParameterBlock

PIECE = 512 * WIDEST
"""Elements that are copied and moved at a time: a few arrays of them stay in the nearest cache."""


@dataclass(frozen=True, eq=False)
class UpdateSlot:
    """Weights (P,), and what is remembered of each element by name, (P,) each. Only slices may be there."""

    weights: np.ndarray
    state: Mapping[str, np.ndarray]


class SliceUpdate:
    """Moves the slice `part` of the parameters from one of `slots` into the other.

    `weights` (P,) are those before each step; the gradient (P,) is read in that slice alone.
    """

    def __init__(
        self,
        optimizer: Elementwise,
        part: slice,
        slots: tuple[UpdateSlot, UpdateSlot],
        weights: np.ndarray,
    ) -> None:
        if part.start % WIDEST:
            raise ValueError(f"expected a slice from a multiple of {WIDEST} on, got {part}")
        self._optimizer = optimizer
        self._part = part
        self._weights = weights
        self._slots = slots
        self._common = [vector for name, vector in optimizer.state.items() if name not in optimizer.elements]
        self._before: list[np.ndarray] = []
        self._gradient: np.ndarray | None = None
        self._calls: tuple[list[Call], list[Call]] = ([], [])

    def run(self, step: int, gradient: np.ndarray) -> None:
        """Leave the slice as it is after `step` in slot (step + 1) % 2."""
        if gradient is not self._gradient:
            self._gradient = gradient
            self._calls = self._bound(gradient, 0), self._bound(gradient, 1)
        self._before = [vector.copy() for vector in self._common]
        self._optimizer.prepare(step)
        for call in self._calls[(step + 1) % 2]:
            call()

    def take_back(self) -> None:
        """Have what all elements share as it was before the last step, which is to be done again."""
        for vector, before in zip(self._common, self._before, strict=True):
            vector[...] = before

    def _bound(self, gradient: np.ndarray, into: int) -> list[Call]:
        """The calls that write slot `into`, piece by piece: first what was is copied there, then it moves."""
        calls: list[Call] = []
        work = [aligned(min(PIECE, gradient.size), gradient.dtype) for _ in range(self._optimizer.works)]
        source, target = self._slots[1 - into], self._slots[into]
        for piece in self._pieces():
            p = target.weights[piece]
            state = {name: vector[piece] for name, vector in target.state.items()}
            calls.append(partial(np.copyto, p, self._weights[piece]))
            calls += [partial(np.copyto, state[name], source.state[name][piece]) for name in state]
            room = [array[: p.size] for array in work]
            calls += self._optimizer.bound([ParameterBlock(p=p, g=gradient[piece], state=state, work=room)])
        return calls

    def _pieces(self) -> Iterator[slice]:
        for start in range(self._part.start, self._part.stop, PIECE):
            yield slice(start, min(start + PIECE, self._part.stop))


def divisible(optimizer: Optimizer) -> Elementwise | None:
    """The optimizer, where its update can be shared out: each element follows from what is known of it."""
    return optimizer if isinstance(optimizer, Elementwise) else None
