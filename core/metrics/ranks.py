"""The area under the ROC curve, exactly, from the ranks of all scores."""

import numpy as np

from lockstep.core.metrics.base import OfScores


class RocAuc(OfScores):
    """The mean over the classes, each against the rest, or over the outputs; with two classes of class 1."""

    name = "roc_auc"
    aliases = ("auc", "roc_auc_score")

    def value(self, scores: np.ndarray, positive: np.ndarray) -> float | None:
        """The chance that a positive row scores above a negative one."""
        return mean_roc_auc(scores, positive)


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """The chance that a positive row scores above a negative one, ties counted half; None without both.

    `scores` (rows,) float, `positive` (rows,) bool. NaN where a score is NaN.
    """
    positives = int(np.count_nonzero(positive))
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    if np.isnan(scores).any():
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # The mean rank, from 1, of each value among all scores.
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    above = ranks[inverse[positive]].sum() - positives * (positives + 1) / 2.0
    return float(above / (positives * negatives))


def mean_roc_auc(columns: np.ndarray, positive: np.ndarray) -> float | None:
    """The mean of roc_auc over the columns (k, rows) that have both kinds of rows; None where none has."""
    found = [roc_auc(scores, yes) for scores, yes in zip(columns, positive, strict=True)]
    areas = [area for area in found if area is not None]
    return float(np.mean(areas)) if areas else None


def odds(logits: np.ndarray) -> np.ndarray:
    """ln (p / (1 - p)) for the softmax p of each class, float64 (rows, classes), from logits of that shape.

    It orders rows as p does, but does not round to 0 or 1 where a class is all but certain.
    """
    z = logits.astype(np.float64)
    rows, top = np.arange(len(z)), z.argmax(axis=1)
    z -= z[rows, top][:, np.newaxis]
    shares = np.exp(z)
    rest = shares.sum(axis=1, keepdims=True) - shares  # for all but the largest at least 1: no digit is lost
    others = z.copy()
    others[rows, top] = -np.inf
    second = np.maximum(others.max(axis=1), np.finfo(np.float64).min)
    rest[rows, top] = np.exp(others - second[:, np.newaxis]).sum(axis=1)
    z[rows, top] -= second
    found: np.ndarray = z - np.log(rest)
    return found
