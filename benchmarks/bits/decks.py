"""Chance from one seed that deals each thing of a list before it deals any again."""

from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np

T = TypeVar("T")


class Decks:
    """A deck of cards for each list, by its name."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self._left: dict[str, list[object]] = {}

    def one_of(self, name: str, things: Sequence[T]) -> T:
        """The next of the things; all of them in a new order once none is left."""
        left = self._left.setdefault(name, [])
        if not left:
            left += [things[place] for place in self.random.permutation(len(things))]
        return cast(T, left.pop())

    def in_turn(self, name: str, things: Sequence[T]) -> T:
        """The next of the things in their own order, whatever else is drawn."""
        left = self._left.setdefault(name, [])
        if not left:
            left += reversed(things)
        return cast(T, left.pop())

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return bool(self.random.random() < share)

    def number(self, low: int, high: int) -> int:
        """From low to high, both of them included."""
        return int(self.random.integers(low, high + 1))
