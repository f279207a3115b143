"""What the generators share: what they are asked for, and how their rows become even, blurred and round."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

DECIMALS = 6
"""Inputs are rounded: so they do not depend on how a machine rounds the last bit of sin, and print short."""
USUAL_NOISE = 0.1

Rows = tuple[np.ndarray, np.ndarray]
"""x (size, columns) float64 and y (size,): values float64, or class numbers int64."""


class Generator:
    """A formula for rows, and what is known of them before they are made.

    `classes`: how many it makes, 0 for values; a user may ask for another number where `classes_are_free`.
    `noise`: the standard deviation of what is added where a user names none. `formula` and `about` are for
    people: what stands behind the name in parentheses, and, where rows are no plain ones of its family, a
    sentence about them.
    """

    name: ClassVar[str]
    columns: ClassVar[int]
    classes: ClassVar[int]
    classes_are_free: ClassVar[bool] = False
    noise: ClassVar[float] = USUAL_NOISE
    formula: ClassVar[str | None] = None
    about: ClassVar[str | None] = None

    @staticmethod
    @abstractmethod
    def rows(draw: "Draw") -> Rows:
        """The rows, their inputs not yet rounded. What is drawn, and in which order, decides every bit."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a generator is asked for: `size` rows of `classes`, from these random numbers."""

    size: int
    classes: int
    noise: float
    random: np.random.Generator

    @property
    def labels(self) -> np.ndarray:
        """The class numbers (size,) int64, in turns: every class has its share of any run of rows."""
        return np.arange(self.size, dtype=np.int64) % self.classes

    def blurred(self, points: np.ndarray) -> np.ndarray:
        """`points` (size, columns) plus noise."""
        moved: np.ndarray = points + self.noise * self.random.standard_normal(points.shape)
        return moved


def directions(angle: np.ndarray) -> np.ndarray:
    """The points (size, 2) of the circle of radius 1 at these angles (size,)."""
    return np.column_stack([np.cos(angle), np.sin(angle)])
