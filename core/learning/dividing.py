"""The update of a training, divided among the members of its group: each moves a slice of the weights.

While it is, a member has of the optimizer's state only its own slice, in its segment. `gather` puts together
what all of them have, the dead too, for it was committed: for a checkpoint, and before others own the slices.
"""

from collections.abc import Callable, Sequence

import numpy as np

from lockstep.core.engine.diagnose import has_steep_places
from lockstep.core.group import SliceOwner
from lockstep.core.model.graph import Graph
from lockstep.core.optim import Optimizer
from lockstep.core.optim.base import Elementwise
from lockstep.core.optim.clipping import Clip, Clipping
from lockstep.core.optim.divided import SliceUpdate, UpdateSlot, divisible
from lockstep.core.spec import ResolvedSpec

MIN_DIVIDED_NUMBERS = 2**20
"""Updates that write fewer numbers (weights, and what the optimizer remembers) are done by everybody.

To write them where the others can read them, and to take theirs, costs as much there as it saves.
"""


class SharedUpdate:
    """See core.group.DividedUpdate. `weights` (P,) and the optimizer's state are those of the training.

    The state of the step to come lies in slot step % 2.
    """

    def __init__(
        self, optimizer: Elementwise, weights: np.ndarray, gradient: np.ndarray, clip: Clip | None
    ) -> None:
        self.width = weights.size
        self.count = 2 * (1 + len(optimizer.elements))
        self.needs_whole = clip is not None and clip.norm is not None
        self._clipping = Clipping(clip) if clip else None
        self._optimizer = optimizer
        self._weights, self._gradient = weights, gradient
        self._judge: Callable[[], bool] = bool
        self._step = 0
        self._generation = -1
        self._owned: list[tuple[slice, tuple[UpdateSlot, UpdateSlot]]] = []
        self._own: SliceUpdate | None = None
        self._is_seated = False
        self._is_behind = False  # the optimizer's own state, of what is in the slots
        self._moves = False  # between the own move and the settlement

    def begin(self, step: int, judge: Callable[[], bool]) -> None:
        """`step` comes next; `judge` says, once its loss is there, whether it may move the weights."""
        self._step, self._judge = step, judge

    def sit(self, generation: int, rank: int, owners: Callable[[], Sequence[SliceOwner]]) -> None:
        """See DividedUpdate."""
        if generation != self._generation:
            self.leave()
            self._owned = [(owner.part, self._slots(owner)) for owner in owners()]
            self._own = SliceUpdate(self._optimizer, *self._owned[rank], weights=self._weights)
            self._generation = generation
        if not self._is_seated:
            part, slots = self._owned[rank]
            for name, vector in slots[self._step % 2].state.items():
                np.copyto(vector[part], self._optimizer.elements[name][part])
            self._is_seated = True

    def advance(self) -> None:
        """See DividedUpdate."""
        self._moves = self._judge()
        if self._moves and self._own is not None:
            if self._clipping:
                self._clipping.apply(self._gradient)
            self._own.run(self._step, self._gradient)

    def settle(self) -> None:
        """See DividedUpdate."""
        if not self._moves:
            return
        self._moves, self._is_behind = False, True
        self._step += 1
        for part, slots in self._owned:
            np.copyto(self._weights[part], slots[self._step % 2].weights[part])

    def gather(self) -> None:
        """Leave the whole state in the optimizer, if it is not there already.

        Before the first settlement it is, and somebody who was lost may not even have taken its seat.
        """
        if not self._is_behind:
            return
        for part, slots in self._owned:
            for name, vector in slots[self._step % 2].state.items():
                np.copyto(self._optimizer.elements[name][part], vector[part])
        self._is_behind = False

    def leave(self) -> None:
        """Gather the state; from now on the optimizer's own is the one that counts.

        A move that was not settled has not been.
        """
        if self._moves and self._own is not None:
            self._own.take_back()
        self._moves = False
        self.gather()
        self._is_seated = False

    def _slots(self, owner: SliceOwner) -> tuple[UpdateSlot, UpdateSlot]:
        names = tuple(self._optimizer.elements)
        half = len(owner.vectors) // 2
        halves = owner.vectors[:half], owner.vectors[half:]
        first, second = (UpdateSlot(each[0], dict(zip(names, each[1:], strict=True))) for each in halves)
        return first, second


def shared_update(
    spec: ResolvedSpec, graph: Graph, optimizer: Optimizer, weights: np.ndarray, gradient: np.ndarray
) -> SharedUpdate | None:
    """The update of a training in a group; None where to divide it can't be done, or does not pay."""
    elementwise = divisible(optimizer)
    if elementwise is None or graph.input_names or has_steep_places(graph):
        return None
    if weights.size * (1 + len(elementwise.elements)) < MIN_DIVIDED_NUMBERS:
        return None
    return SharedUpdate(elementwise, weights, gradient, spec.clip)
