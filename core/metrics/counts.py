"""Precision, recall and F1 from counts. Names and arithmetic are those of scikit-learn, zero_division 0."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How often each class, or the yes to each question, was right, was true, was predicted: (classes,)."""

    right: np.ndarray
    true: np.ndarray
    predicted: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """right / predicted, (classes,)."""
        return _ratio(self.right, self.predicted)

    @property
    def recall(self) -> np.ndarray:
        """right / true, (classes,)."""
        return _ratio(self.right, self.true)

    @property
    def f1(self) -> np.ndarray:
        """2 right / (true + predicted), (classes,): the harmonic mean of the two."""
        return _ratio(2.0 * self.right, self.true + self.predicted)

    @property
    def seen(self) -> np.ndarray:
        """Whether each class occurs, as a target or as a prediction."""
        seen: np.ndarray = self.true + self.predicted > 0
        return seen


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    result = np.zeros(len(part))
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def of_confusion(confusion: np.ndarray) -> Counts:
    """The counts of a confusion matrix (classes, classes): rows are the targets, columns the predictions."""
    return Counts(right=confusion.diagonal(), true=confusion.sum(axis=1), predicted=confusion.sum(axis=0))
