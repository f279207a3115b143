"""What a metric is: one word of the language, and what each sort of them is computed from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import SpecModel
from lockstep.core.losses.base import Measured
from lockstep.core.metrics.spread import Spread


class MetricSpec(SpecModel):
    """A metric as a spec asks for it, with its settings if it has any."""

    if TYPE_CHECKING:  # a field of each class's own, at the place where its schema has it
        type: str


class Metric(ABC):
    """One metric as it was asked for. Names and arithmetic are those of scikit-learn.

    `measured`: what is compared under the losses that it goes with. `usual`: it follows each epoch where the
    spec names none. `at_the_end`: only the result has it. `settings`: the class of its settings; only where
    there are none has each result the metric unasked.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]]
    measured: ClassVar[frozenset[Measured]]
    usual: ClassVar[bool]
    at_the_end: ClassVar[bool] = False
    settings: ClassVar[type[MetricSpec] | None] = None

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    @property
    def called(self) -> str:
        """The name in series and results."""
        return self.name

    @property
    def order(self) -> int:
        """The place among those of the same name."""
        return 0

    def problems_with(self, classes: int) -> Iterator[Problem]:  # noqa: ARG002 - most take any number
        """Why it cannot be taken of this many classes; pointers begin at the metric."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How often each class, or the yes to each question, was right, was true, was predicted: (classes,)."""

    right: np.ndarray
    true: np.ndarray
    predicted: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Whether each class occurs, as a target or as a prediction."""
        seen: np.ndarray = self.true + self.predicted > 0
        return seen


@dataclass(frozen=True, kw_only=True)
class Judged:
    """All targets of a part: `right` of `total` were met. The mean is taken over the classes `of`."""

    right: float
    total: float
    counts: Counts
    of: np.ndarray


class OfCounts(Metric):
    """A metric that follows from how often each class was right, true and predicted."""

    measured = frozenset({"classes", "questions"})

    @abstractmethod
    def value(self, judged: Judged) -> float:
        """The single number."""

    def each(self, counts: Counts) -> np.ndarray | None:  # noqa: ARG002 - not all have one
        """That of each class (classes,), where it has one."""
        return None


class OfMatrix(Metric):
    """A table of the result alone, from the confusion matrix."""

    measured = frozenset({"classes", "questions"})
    usual = False
    at_the_end = True

    @abstractmethod
    def table(self, matrix: np.ndarray) -> np.ndarray:
        """From (classes, classes), or (questions, 2, 2): rows are the targets, columns the predictions."""


class OfScores(Metric):
    """A number of the result alone, from the outputs of all rows."""

    measured = frozenset({"classes", "questions"})
    usual = False
    at_the_end = True

    @abstractmethod
    def value(self, scores: np.ndarray, positive: np.ndarray) -> float | None:
        """From scores and whether each row is positive, both (k, rows); None where it means nothing."""


class OfHits(Metric):
    """The part of the targets that are hits, by the metric's own settings."""

    measured = frozenset({"classes"})

    @abstractmethod
    def value(self, outputs: np.ndarray, targets: np.ndarray) -> int:
        """How many of the targets (N,) are hits of the outputs (N, classes)."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A part whose values were compared: numbers in units of `scale`, and how the targets spread if known."""

    rows: int
    scale: float
    spread: Spread | None


class OfErrors(Metric):
    """A metric of values, from the sum over the rows of a term of each error."""

    measured = frozenset({"values"})

    @staticmethod
    @abstractmethod
    def term(error: np.ndarray) -> np.ndarray:
        """What is summed, in the shape of the errors (rows, elements); of one sign, so no digit is lost."""

    @abstractmethod
    def value(self, sums: np.ndarray, part: Compared) -> float | None:
        """The single number from the sums (elements,); None where it means nothing."""
