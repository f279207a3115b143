"""What is counted for classifiers: of one class for each target, and of yes or no for each output."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from lockstep.core.metrics.base import Counts, Judged, Metric, OfCounts, OfHits, OfMatrix, OfScores
from lockstep.core.metrics.ranks import odds
from lockstep.core.metrics.tally import Tally

MAX_SHOWN = 32
"""Up to this many classes or questions, each has numbers of its own in the result, and a confusion matrix."""


class _Judging(Tally):
    """What the two have in common."""

    @abstractmethod
    def _scores(self, output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and whether each row is positive, both (k, rows)."""

    def of_outputs(self, output: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """From one ranking of the rows, or one for each class or output."""
        scores, positive = self._scores(output, y)
        wanted = ((name, metric) for name, metric in self.by_name.items() if isinstance(metric, OfScores))
        values = {name: metric.value(scores, positive) for name, metric in wanted}
        return {name: value for name, value in values.items() if value is not None}

    def _tables(self, counts: Counts, matrix: np.ndarray) -> dict[str, np.ndarray]:
        tables: dict[str, np.ndarray] = {}
        for name, metric in self.by_name.items():
            if isinstance(metric, OfCounts) and (each := metric.each(counts)) is not None:
                tables[f"{name}_per_class"] = each
            elif isinstance(metric, OfMatrix):
                tables[name] = metric.table(matrix)
        return tables

    def _values(self, judged: Judged, names: Sequence[str]) -> dict[str, float]:
        wanted = ((name, self.by_name.get(name)) for name in names)
        return {name: metric.value(judged) for name, metric in wanted if isinstance(metric, OfCounts)}


class ClassTally(_Judging):
    """One class for each target: the one with the largest output, of equals the first.

    `ignored`: the target that does not count.
    """

    def __init__(self, classes: int, metrics: Sequence[Metric], ignored: int | None) -> None:
        super().__init__(metrics)
        self._classes = classes
        self._hits = {metric.called: metric for metric in metrics if isinstance(metric, OfHits)}
        self._ignored = ignored
        self._whole = classes <= MAX_SHOWN
        self._counts = classes * classes if self._whole else 3 * classes
        self.width = self._counts + len(self._hits)

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
        for place, metric in enumerate(self._hits.values(), self._counts):
            sums[place] = metric.value(outputs, targets)

    def _kept(self, output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (N, classes) and targets (N,) that count."""
        outputs, targets = output.reshape(-1, self._classes), y.reshape(-1)
        if self._ignored is None:
            return outputs, targets
        kept = targets != self._ignored
        return outputs[kept], targets[kept]

    def _counted(self, sums: np.ndarray) -> Counts:
        if self._whole:
            return _of_confusion(sums[: self._counts].reshape(self._classes, self._classes))
        right, true, predicted = sums[: self._counts].reshape(3, self._classes)
        return Counts(right=right, true=true, predicted=predicted)

    def metrics(self, sums: np.ndarray, rows: int, names: Sequence[str]) -> dict[str, float]:  # noqa: ARG002 - not all rows count
        """Precision, recall and f1 are those of class 1, or with more classes the mean over those seen."""
        counts = self._counted(sums)
        total = float(counts.true.sum())
        if not total:
            return {}
        of = np.array([1]) if self._classes == 2 else np.flatnonzero(counts.seen)
        judged = Judged(right=float(counts.right.sum()), total=total, counts=counts, of=of)
        found = self._values(judged, names)
        found |= {name: float(sums[place]) / total for place, name in enumerate(self._hits, self._counts)}
        return {name: found[name] for name in names if name in found}

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Of each class precision, recall and f1, and the confusion matrix [target][prediction]."""
        if not self._whole:
            return {}
        confusion = sums[: self._counts].reshape(self._classes, self._classes)
        return self._tables(_of_confusion(confusion), confusion)

    def _scores(self, output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class 1 against class 0; with more classes each against the rest."""
        outputs, targets = self._kept(output, y)
        if self._classes == 2:
            difference = outputs[:, 1].astype(np.float64) - outputs[:, 0]
            return difference[np.newaxis], (targets == 1)[np.newaxis]
        return odds(outputs).T, targets == np.arange(self._classes)[:, np.newaxis]


class QuestionTally(_Judging):
    """Yes or no for each output: yes where it is at least 0; a target is a yes from 0.5 on."""

    def __init__(self, questions: int, metrics: Sequence[Metric]) -> None:
        super().__init__(metrics)
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
        judged = Judged(
            right=float(matrices[:, 0, 0].sum() + matrices[:, 1, 1].sum()),
            total=float(rows * self._questions),
            counts=_of_questions(matrices),
            of=np.arange(self._questions),
        )
        return self._values(judged, names)

    def tables(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """For one output of no and yes, for several of each output: precision, recall, f1, confusion."""
        if self._questions > MAX_SHOWN:
            return {}
        matrices = self._confusions(sums)
        if self._questions == 1:
            return self._tables(_of_confusion(matrices[0]), matrices[0])
        return self._tables(_of_questions(matrices), matrices)

    def _scores(self, output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each output by itself."""
        return self._flat(output).T, self._flat(y).T >= 0.5


def _of_confusion(confusion: np.ndarray) -> Counts:
    """The counts of a confusion matrix (classes, classes): rows are the targets, columns the predictions."""
    return Counts(right=confusion.diagonal(), true=confusion.sum(axis=1), predicted=confusion.sum(axis=0))


def _of_questions(matrices: np.ndarray) -> Counts:
    """The counts of the yes to each question, from the confusion matrices (questions, 2, 2)."""
    yes = matrices[:, 1, 1]
    return Counts(right=yes, true=yes + matrices[:, 1, 0], predicted=yes + matrices[:, 0, 1])
