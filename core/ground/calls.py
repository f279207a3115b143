"""Calls that are made once for an array and then run again and again."""

from abc import ABC, abstractmethod

import numpy as np

from lockstep.core.ground.blas import Call


class BoundCalls(ABC):
    """Has calls on the memory of one array: they are made again for another array."""

    def __init__(self) -> None:
        self._array: np.ndarray | None = None
        self._calls: list[Call] = []

    def calls_on(self, array: np.ndarray) -> list[Call]:
        """The calls on this very array; the same array as last time costs next to nothing."""
        if array is not self._array:
            self._array, self._calls = array, []
            self.bind(array)
        return self._calls

    @abstractmethod
    def bind(self, array: np.ndarray) -> None:
        """Append the calls on `array` to `_calls`, which is empty."""
