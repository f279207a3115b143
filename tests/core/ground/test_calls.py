"""Calls are bound to an array once, and anew to another one."""

import numpy as np

from lockstep.core.ground.calls import BoundCalls


class Doubling(BoundCalls):
    """Counts how often its calls are made."""

    bound = 0

    def bind(self, array: np.ndarray) -> None:
        self.bound += 1
        self._calls.append(lambda: np.add(array, array, array))


def test_calls_are_made_once_for_an_array_and_anew_for_another_one() -> None:
    doubling, first, second = Doubling(), np.ones(3), np.ones(3)
    for array in (first, first, second, first):
        for call in doubling.calls_on(array):
            call()

    assert (doubling.bound, first.tolist(), second.tolist()) == (3, [8.0] * 3, [2.0] * 3)
