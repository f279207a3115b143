"""Accuracy, precision, recall and F1, and the confusion matrix that they come from; zero_division is 0."""

from abc import abstractmethod

import numpy as np

from lockstep.core.metrics.base import Counts, Judged, OfCounts, OfMatrix


class Accuracy(OfCounts):
    """The part of the targets that were met."""

    name = "accuracy"
    aliases = ()
    usual = True

    def value(self, judged: Judged) -> float:
        """right / total."""
        return judged.right / judged.total


class _OfEach(OfCounts):
    """The mean of a number that each class has."""

    usual = False

    def value(self, judged: Judged) -> float:
        """The mean over the classes that matter."""
        return float(self.each(judged.counts)[judged.of].mean())

    @abstractmethod
    def each(self, counts: Counts) -> np.ndarray:
        """Each class's own."""


class Precision(_OfEach):
    """How many of the predictions of a class were right."""

    name = "precision"
    aliases = ()

    def each(self, counts: Counts) -> np.ndarray:
        """right / predicted."""
        return _ratio(counts.right, counts.predicted)


class Recall(_OfEach):
    """How many of the targets of a class were met."""

    name = "recall"
    aliases = ()

    def each(self, counts: Counts) -> np.ndarray:
        """right / true."""
        return _ratio(counts.right, counts.true)


class F1(_OfEach):
    """The harmonic mean of precision and recall."""

    name = "f1"
    aliases = ("f1_score",)

    def each(self, counts: Counts) -> np.ndarray:
        """2 right / (true + predicted)."""
        return _ratio(2.0 * counts.right, counts.true + counts.predicted)


class ConfusionMatrix(OfMatrix):
    """How often each class was predicted for each: [target][prediction]."""

    name = "confusion_matrix"
    aliases = ()

    def table(self, matrix: np.ndarray) -> np.ndarray:
        """The matrix itself."""
        return matrix.astype(np.int64)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    result = np.zeros(len(part))
    np.divide(part, whole, out=result, where=whole > 0)
    return result
