"""Metrics against their definitions, written again in plain loops."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lockstep.core.metrics import Tally, tally_of
from lockstep.core.metrics.classes import MAX_SHOWN
from lockstep.core.metrics.kinds import metrics_under
from lockstep.core.metrics.ranks import roc_auc
from lockstep.core.metrics.spread import spread_of
from lockstep.core.metrics.values import ValueTally
from lockstep.core.spec import TrainSpec
from tests.gradcheck import loss, spec_of


def asked(*metrics: Any) -> TrainSpec:
    return spec_of({"layers": [{"type": "relu"}]}, metrics=list(metrics))


def total(tally: Tally, output: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sums of all rows, from chunks of unequal length."""
    sums = np.zeros(tally.width)
    for low, high in pairwise((0, 1, 4, len(output))):
        part = np.full(tally.width, np.nan)
        tally.add(output[low:high], y[low:high], part)
        sums += part
    return sums


def measured(tally: Tally, output: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return tally.metrics(total(tally, output, y), len(output), tally.known)


RANDOM = np.random.default_rng(8)
SCORES = RANDOM.standard_normal((30, 4)).round(1)
CLASSES = RANDOM.integers(0, 3, 30)
"""Class 3 is never a target, but is predicted."""


def of_class(number: int, y: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of one class; 0 where there is nothing to divide by."""
    right = sum(a == b == number for a, b in zip(y, predicted, strict=True))
    said, true = int((predicted == number).sum()), int((y == number).sum())
    precision = right / said if said else 0.0
    recall = right / true if true else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


@pytest.mark.parametrize("name", ["cross_entropy", "nll", "multi_margin"])
def test_classes(name: str) -> None:
    tally = tally_of(loss(name), None, (4,))
    predicted = SCORES.argmax(axis=1)
    each = np.array([of_class(number, CLASSES, predicted) for number in range(4)])

    found = measured(tally, SCORES, CLASSES)

    assert found["accuracy"] == np.mean(predicted == CLASSES)
    assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(list(each.mean(axis=0)))
    tables = tally.tables(total(tally, SCORES, CLASSES))
    for column, key in enumerate(("precision", "recall", "f1")):
        np.testing.assert_allclose(tables[f"{key}_per_class"], each[:, column])
    confusion = [[np.sum(np.equal(CLASSES, a) & (predicted == b)) for b in range(4)] for a in range(4)]
    np.testing.assert_array_equal(tables["confusion_matrix"], confusion)


def test_a_class_that_never_occurs_is_left_out_of_the_mean() -> None:
    scores = np.concatenate([SCORES[:, :3], np.full((30, 1), -9.0)], axis=1)
    without = measured(tally_of(loss("cross_entropy"), None, (3,)), SCORES[:, :3], CLASSES)

    assert measured(tally_of(loss("cross_entropy"), None, (4,)), scores, CLASSES) == without


def test_two_classes_are_told_of_class_1() -> None:
    y = CLASSES % 2
    found = measured(tally_of(loss("cross_entropy"), None, (2,)), SCORES[:, :2], y)

    expected = of_class(1, y, SCORES[:, :2].argmax(axis=1))
    assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(list(expected))


def test_many_classes_are_counted_without_a_matrix() -> None:
    """Columns that are never chosen alter nothing, and above MAX_SHOWN classes nothing is told of each."""
    wide = np.full((30, MAX_SHOWN + 1), -9.0)
    wide[:, :4] = SCORES
    tally = tally_of(loss("cross_entropy"), None, (MAX_SHOWN + 1,))

    assert measured(tally, wide, CLASSES) == measured(
        tally_of(loss("cross_entropy"), None, (4,)), SCORES, CLASSES
    )
    assert tally.width == 3 * (MAX_SHOWN + 1)
    assert tally.tables(total(tally, wide, CLASSES)) == {}


def test_top_k_takes_the_later_of_equals() -> None:
    metrics = asked({"type": "top_k_accuracy", "k": 3}, "top_k_accuracy").metrics
    tally = tally_of(loss("cross_entropy"), metrics, (4,))
    order = np.argsort(SCORES, axis=1, kind="stable")[:, ::-1]

    found = measured(tally, SCORES, CLASSES)

    for k in (2, 3):
        hits = [y in row[:k] for y, row in zip(CLASSES, order, strict=True)]
        assert found[f"top_{k}_accuracy"] == pytest.approx(np.mean(hits))


def test_ignored_targets_do_not_count() -> None:
    spec = loss("cross_entropy", ignore_index=-1)
    y = np.where(np.arange(30) % 3, CLASSES, -1)
    kept = y >= 0

    tally = tally_of(spec, None, (4,))
    assert measured(tally, SCORES, y) == measured(tally, SCORES[kept], y[kept])
    assert tally.of_outputs(SCORES, y) == tally.of_outputs(SCORES[kept], y[kept])
    assert measured(tally, SCORES, np.full(30, -1)) == {}


def test_sequences_are_counted_place_by_place() -> None:
    tally, flat = (tally_of(loss("cross_entropy"), None, shape) for shape in ((5, 4), (4,)))
    scores, y = SCORES.reshape(6, 5, 4), CLASSES.reshape(6, 5)

    assert measured(tally, scores, y) == measured(flat, SCORES, CLASSES)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "hinge"])
def test_yes_and_no(name: str) -> None:
    y, z = (CLASSES[:, np.newaxis] == 1).astype(float), SCORES[:, :1]
    predicted = (z[:, 0] >= 0).astype(int)
    tally = tally_of(loss(name), None, (1,))

    found = measured(tally, z, y)

    assert found["accuracy"] == np.mean(predicted == y[:, 0])
    expected = of_class(1, y[:, 0], predicted)
    assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(list(expected))
    tables = tally.tables(total(tally, z, y))
    assert tables["confusion_matrix"].sum() == 30
    assert tables["recall_per_class"].tolist() == pytest.approx(
        [of_class(number, y[:, 0], predicted)[1] for number in (0, 1)]
    )
    if name == "hinge":
        assert measured(tally, z, 2 * y - 1) == found


def test_several_questions() -> None:
    y = (RANDOM.standard_normal((30, 3)) > 0.3).astype(float)
    z = SCORES[:, :3]
    tally = tally_of(loss("binary_cross_entropy"), None, (3,))
    each = np.array([of_class(1, y[:, k], (z[:, k] >= 0).astype(int)) for k in range(3)])

    found = measured(tally, z, y)

    assert found["accuracy"] == pytest.approx(np.mean((z >= 0) == (y > 0)))
    assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(list(each.mean(axis=0)))
    assert tally.tables(total(tally, z, y))["confusion_matrix"].shape == (3, 2, 2)


def by_pairs(scores: np.ndarray, positive: np.ndarray) -> float:
    """The area under the ROC curve: how often a positive row stands above a negative one."""
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    return float(np.mean(pairs))


def test_roc_auc_counts_pairs() -> None:
    positive = CLASSES == 1

    assert roc_auc(SCORES[:, 0], positive) == pytest.approx(by_pairs(SCORES[:, 0], positive))
    assert roc_auc(SCORES[:, 0], positive & False) is None
    assert math.isnan(roc_auc(np.full(30, np.nan), positive) or 0.0)


def test_roc_auc_of_several_classes() -> None:
    """The mean over the classes that occur, of their shares against the rest."""
    shares = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
    areas = [by_pairs(shares[:, number], np.equal(CLASSES, number)) for number in range(3)]

    found = tally_of(loss("cross_entropy"), None, (4,)).of_outputs(SCORES, CLASSES)
    assert found == {"roc_auc": pytest.approx(np.mean(areas))}


def test_roc_auc_of_two_classes() -> None:
    y = CLASSES % 2
    difference = SCORES[:, 1] - SCORES[:, 0]
    of_questions = tally_of(loss("hinge"), None, (1,)).of_outputs(difference[:, np.newaxis], y[:, np.newaxis])

    found = tally_of(loss("nll"), None, (2,)).of_outputs(SCORES[:, :2], y)
    assert found == {"roc_auc": pytest.approx(by_pairs(difference, y == 1))}
    assert of_questions == found


X = np.array([[2.0, 1.0], [0.5, 0.75], [-1.0, -2.0], [3.0, 3.0], [0.0, 5.0]])


@pytest.mark.parametrize("name", ["mse", "sse", "half_sse", "mae", "huber", "smooth_l1"])
def test_values(name: str) -> None:
    y = np.array([[1.0, 10.0], [2.0, 11.0], [3.0, 12.0], [4.0, 13.0], [0.5, 9.0]])
    error = X - y
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)

    found = measured(tally_of(loss(name), None, (2,), y), X, y)

    assert found["mae"] == pytest.approx(np.abs(error).mean())
    assert found["rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert found["r2"] == pytest.approx((1 - (error**2).sum(axis=0) / spread).mean())
    assert set(found) == {"mae", "rmse", "r2"}


def test_values_are_compared_as_the_outputs_say_them() -> None:
    """Under a loss whose outputs are logarithms, e^output is compared with the targets."""
    y = np.array([[1.0], [2.0], [4.0]])
    metrics = metrics_under("values", None)

    assert measured(ValueTally(1, metrics, np.exp, spread_of(y)), np.log(y + 0.5), y) == {
        "mae": pytest.approx(0.5),
        "rmse": pytest.approx(0.5),
        "r2": pytest.approx(1 - 0.75 / ((y - y.mean()) ** 2).sum()),
    }


@pytest.mark.parametrize(("target", "expected"), [(3.0, 1.0), (4.0, 0.0)])
def test_r2_of_a_target_that_never_changes(target: float, expected: float) -> None:
    y = np.full((6, 1), target)
    found = measured(tally_of(loss("mse"), None, (1,), y), np.full((6, 1), 3.0), y)

    assert found["r2"] == expected


def test_one_row_has_no_r2() -> None:
    tally = tally_of(loss("mse"), None, (2,), X[:1])
    sums = np.zeros(tally.width)
    tally.add(X[:1], X[:1], sums)

    assert set(tally.metrics(sums, 1, tally.known)) == {"mae", "rmse"}


def test_distributions_have_no_metrics() -> None:
    tally = tally_of(loss("kl_div"), None, (4,))

    assert tally.width == 0
    assert measured(tally, SCORES, SCORES) == {}
