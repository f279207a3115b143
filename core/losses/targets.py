"""What targets a loss takes, and the words for those that it does not."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

DataTargets = Literal["values", "two classes", "several classes"]
"""What the targets of a built-in data set or a generator are; class numbers begin at 0."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Targets that a loss can't be taken of: where `bad`, of the shape of `values`, is set.

    `message` has a gap, {}, for the first such value.
    """

    bad: np.ndarray
    values: np.ndarray
    code: str
    message: str


class Targets(ABC):
    """What a loss takes as targets.

    `called`: what they are, for people. `fit`: the targets of built-in data and generators that will do.
    `are_classes`: class numbers, int64 (rows,), or (rows, places) where the output is (rows, ..., classes);
    else they are numbers (rows, elements), one for each of the output's. `ignored`: the target that does not
    count.
    """

    called: ClassVar[str]
    fit: ClassVar[frozenset[DataTargets]]
    are_classes: ClassVar[bool] = False
    ignored: int | None = None

    @abstractmethod
    def refused(self, y: np.ndarray) -> Refusal | None:
        """Those of `y` float64 (rows,) or (rows, columns) that the loss can't be taken of; None: all will do.

        How many columns there are is the model's to say.
        """

    def refused_rows(self, y: np.ndarray) -> Refusal | None:  # noqa: ARG002 - most look at each number alone
        """Rows of `y` (rows, places, outputs), each number of it sound, that are none together."""
        return None


class AnyNumbers(Targets):
    """Numbers of any size, compared with the outputs."""

    called = "values"
    fit = frozenset({"values", "two classes"})

    def refused(self, y: np.ndarray) -> Refusal | None:  # noqa: ARG002 - that is what it says
        """None."""
        return None


class ClassNumbers(Targets):
    """One of 0, 1, 2, ... for each target; `ignored` does not count."""

    called = "class numbers"
    fit = frozenset({"two classes", "several classes"})
    are_classes = True

    def __init__(self, loss: str, ignored: int | None = None) -> None:
        self._loss = loss
        self.ignored = ignored

    def refused(self, y: np.ndarray) -> Refusal | None:
        """What is neither a whole number from 0 on nor ignored."""
        bad, also = (y < 0) | (y != np.floor(y)), ""
        if self.ignored is not None:
            bad &= y != self.ignored
            also = f", or {self.ignored}"
        message = f"expected a class number with {self._loss}, one of 0, 1, 2, ...{also}, got {{}}; "
        return Refusal(
            bad=bad, values=y, code="not_a_class_number", message=message + "number the classes from 0"
        )
