"""Metrics of classifiers: of one class for each row, and of yes or no for each output."""

from collections.abc import Mapping, Sequence

import numpy as np

from lockstep.core.metrics.counts import Counts, of_confusion
from lockstep.core.metrics.ranks import mean_roc_auc, odds, roc_auc
from lockstep.core.metrics.tally import MOST_SHOWN, Tally

_OF_COUNTS = ("precision", "recall", "f1")


class ClassTally(Tally):
    """One class for each target: the one with the largest output, of equals the first.

    `top`: for each k how many targets are among the k largest outputs, of equals the later ones, as in
    scikit-learn. `ignored`: the target that does not count.
    """

    usual = ("accuracy",)
    at_the_end = ("roc_auc", "confusion_matrix")

    def __init__(self, classes: int, top: tuple[int, ...], ignored: int | None) -> None:
        self._classes = classes
        self._top = top
        self._ignored = ignored
        self._whole = classes <= MOST_SHOWN
        self._counts = classes * classes if self._whole else 3 * classes
        self.width = self._counts + len(top)
        self.known = ("accuracy", *_OF_COUNTS, *(f"top_{k}_accuracy" for k in top))

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """The confusion matrix; for many classes only its diagonal and its sums along both axes."""
        outputs, targets = self._kept(output, y)
        predicted = outputs.argmax(axis=1)
        if self._whole:
            pairs = targets * self._classes + predicted
            sums[: self._counts] = np.bincount(pairs, minlength=self._counts)
        else:
            groups = (targets[targets == predicted], targets, predicted)
            counted = [np.bincount(group, minlength=self._classes) for group in groups]
            sums[: self._counts] = np.concatenate(counted)
        for place, k in enumerate(self._top):
            sums[self._counts + place] = self._among_the_largest(outputs, targets, k)

    def _kept(self, output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (N, classes) and targets (N,) that count."""
        outputs, targets = output.reshape(-1, self._classes), y.reshape(-1)
        if self._ignored is None:
            return outputs, targets
        kept = targets != self._ignored
        return outputs[kept], targets[kept]

    def _among_the_largest(self, outputs: np.ndarray, targets: np.ndarray, k: int) -> int:
        own = outputs[np.arange(len(targets)), targets][:, np.newaxis]
        later = np.arange(self._classes) > targets[:, np.newaxis]
        # Said by what lies behind: so a NaN is before all, as for argmax, and never a hit.
        before = ~((outputs < own) | ((outputs == own) & ~later))
        return int(np.count_nonzero(np.count_nonzero(before, axis=1) < k))

    def _counted(self, sums: np.ndarray) -> Counts:
        if self._whole:
            return of_confusion(sums[: self._counts].reshape(self._classes, self._classes))
        right, true, predicted = sums[: self._counts].reshape(3, self._classes)
        return Counts(right=right, true=true, predicted=predicted)

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:  # noqa: ARG002 - not all rows count
        """Precision, recall and f1 are those of class 1, or with more classes the mean over those seen."""
        counts = self._counted(sums)
        total = float(counts.true.sum())
        if not total:
            return {}
        found = {"accuracy": float(counts.right.sum()) / total}
        for place, k in enumerate(self._top):
            found[f"top_{k}_accuracy"] = float(sums[self._counts + place]) / total
        of = np.array([1]) if self._classes == 2 else np.flatnonzero(counts.seen)
        return _named(names, found, counts, of)

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Of each class precision, recall and f1, and the confusion matrix [target][prediction]."""
        if not self._whole:
            return {}
        confusion = sums[: self._counts].reshape(self._classes, self._classes)
        return by_class(of_confusion(confusion)) | {"confusion_matrix": confusion.astype(np.int64)}

    def area(self, output: np.ndarray, y: np.ndarray) -> float | None:
        """Of class 1 against class 0; with more classes the mean over the classes, each against the rest."""
        outputs, targets = self._kept(output, y)
        if self._classes == 2:
            return roc_auc(outputs[:, 1].astype(np.float64) - outputs[:, 0], targets == 1)
        return mean_roc_auc(odds(outputs).T, targets == np.arange(self._classes)[:, np.newaxis])


class QuestionTally(Tally):
    """Yes or no for each output: yes where it is at least 0; a target is a yes from 0.5 on."""

    usual = ("accuracy",)
    at_the_end = ("roc_auc", "confusion_matrix")
    known = ("accuracy", *_OF_COUNTS)

    def __init__(self, questions: int) -> None:
        self._questions = questions
        self.width = 4 * questions

    def add(self, output: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
        """A confusion matrix of no and yes for each output."""
        predicted, true = self._flat(output) >= 0, self._flat(y) >= 0.5
        both, rows = np.count_nonzero(predicted & true, axis=0), len(true)
        yes, said = np.count_nonzero(true, axis=0), np.count_nonzero(predicted, axis=0)
        matrix = np.stack([rows - yes - said + both, said - both, yes - both, both], axis=1)
        sums[:] = matrix.reshape(-1)

    def _flat(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), self._questions)

    def _confusions(self, sums: np.ndarray) -> np.ndarray:
        return sums.reshape(self._questions, 2, 2)

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:
        """Accuracy over all elements; precision, recall and f1 of the yes, the mean over the outputs."""
        matrices = self._confusions(sums)
        right = float(matrices[:, 0, 0].sum() + matrices[:, 1, 1].sum())
        found = {"accuracy": right / (rows * self._questions)}
        return _named(names, found, of_questions(matrices), np.arange(self._questions))

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """For one output of no and yes, for several of each output: precision, recall, f1, confusion."""
        if self._questions > MOST_SHOWN:
            return {}
        matrices = self._confusions(sums)
        counts = of_questions(matrices)
        if self._questions == 1:
            matrices = matrices[0]
            counts = of_confusion(matrices)
        return by_class(counts) | {"confusion_matrix": matrices.astype(np.int64)}

    def area(self, output: np.ndarray, y: np.ndarray) -> float | None:
        """The mean over the outputs."""
        return mean_roc_auc(self._flat(output).T, self._flat(y).T >= 0.5)


def of_questions(matrices: np.ndarray) -> Counts:
    """The counts of the yes to each question, from the confusion matrices (questions, 2, 2)."""
    yes = matrices[:, 1, 1]
    return Counts(right=yes, true=yes + matrices[:, 1, 0], predicted=yes + matrices[:, 0, 1])


def by_class(counts: Counts) -> dict[str, np.ndarray]:
    """Precision, recall and f1 of each class."""
    return {f"{name}_per_class": _each(counts, name) for name in _OF_COUNTS}


def _each(counts: Counts, name: str) -> np.ndarray:
    if name == "precision":
        return counts.precision
    return counts.recall if name == "recall" else counts.f1


def _named(
    names: Sequence[str], found: Mapping[str, float], counts: Counts, of: np.ndarray
) -> dict[str, float]:
    """Those of `names` that are in `found`, or follow from `counts` as the mean over the classes `of`."""
    values: dict[str, float] = {}
    for name in names:
        if name in found:
            values[name] = found[name]
        elif name in _OF_COUNTS:
            values[name] = float(_each(counts, name)[of].mean())
    return values
