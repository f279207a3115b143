"""Evaluation of a part of the data: over chunks, after an epoch and at the end."""

import math
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.dataset import Part
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.evaluation import EVALUATION_ROWS, EvaluationWork
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.submission import resolve
from tests.core.learning.training_jobs import DIGITS, finished, training
from tests.gradcheck import spec_of
from tests.specs import changed

MODEL: dict[str, Any] = {"layers": [{"type": "linear", "in": 2, "out": 2, "bias": False}]}


def work(x: np.ndarray, y: np.ndarray, **changes: Any) -> EvaluationWork:
    """Of the model that gives its inputs."""
    spec = resolve(spec_of(MODEL, dtype="float64", **changes), lambda: 0)
    graph = build_graph(spec.model, 2)
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.flat[:] = np.eye(2).ravel()
    return EvaluationWork(spec, graph, parameters, Part(x=x, y=y))


ROWS = 2 * EVALUATION_ROWS + 7
X = np.random.default_rng(1).standard_normal((ROWS, 2))
CLASSES = np.random.default_rng(2).integers(0, 2, ROWS)
SHARES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
LOSSES = -np.log(SHARES[np.arange(ROWS), CLASSES])


def test_after_an_epoch() -> None:
    found = work(X, CLASSES, loss="cross_entropy").metrics(SoloGroup())

    assert found == {
        "loss": pytest.approx(LOSSES.mean()),
        "accuracy": np.mean(X.argmax(axis=1) == CLASSES),
    }


def test_what_was_asked_for_comes_after_an_epoch() -> None:
    found = work(X, CLASSES, loss="cross_entropy", metrics=["f1", "roc_auc", "recall"])

    assert list(found.metrics(SoloGroup())) == ["loss", "f1", "recall"]


def test_at_the_end() -> None:
    found = work(X, CLASSES, loss="cross_entropy").measure(all_metrics=True)

    assert list(found.metrics) == ["loss", "accuracy", "precision", "recall", "f1", "roc_auc"]
    difference = X[:, 1] - X[:, 0]
    yes, no = difference[CLASSES == 1], difference[CLASSES == 0]
    assert found.metrics["roc_auc"] == pytest.approx(np.mean(yes[:, np.newaxis] > no))
    assert found.tables["confusion_matrix"].sum() == ROWS


def test_a_weighted_loss_is_divided_by_the_targets_weights() -> None:
    loss = {"type": "cross_entropy", "weight": [0.25, 2.0]}
    weights = np.array([0.25, 2.0])[CLASSES]

    found = work(X, CLASSES, loss=loss).metrics(SoloGroup())

    assert found["loss"] == pytest.approx((weights * LOSSES).sum() / weights.sum())


def test_a_part_without_counted_targets_has_no_loss() -> None:
    loss = {"type": "cross_entropy", "ignore_index": -1}

    found = work(X, np.full(ROWS, -1), loss=loss).metrics(SoloGroup())

    assert set(found) == {"loss"}
    assert math.isnan(found["loss"])


def test_a_diverged_model_has_metrics_too() -> None:
    with np.errstate(all="ignore"):
        found = work(X * 1e300, X, loss="mse").metrics(SoloGroup())

    assert found["loss"] == math.inf


def test_a_result_tells_most_of_the_held_out_parts() -> None:
    trained = finished(training(changed(DIGITS, metrics=["f1", {"type": "top_k_accuracy", "k": 3}])))
    outcome = trained.outcome()

    assert {name for name in outcome.metrics if name.startswith("train_")} == {
        "train_loss", "train_f1", "train_top_3_accuracy",
    }  # fmt: skip
    assert {name for name in outcome.metrics if name.startswith("test_")} == {
        "test_loss", "test_accuracy", "test_precision", "test_recall", "test_f1", "test_roc_auc",
        "test_top_3_accuracy",
    }  # fmt: skip
    assert outcome.tables["test_confusion_matrix"].shape == (10, 10)
    assert outcome.metrics["test_accuracy"] <= outcome.metrics["test_top_3_accuracy"]


def test_batches_without_counted_targets_do_not_end_a_job() -> None:
    """Their loss is 0 because nothing counts, not because it is learned."""
    raw = {
        "model": MODEL,
        "data": {"inline": {"x": [[1, 2], [2, 1], [3, 3]], "y": [-1, 0, 1]}},
        "loss": {"type": "cross_entropy", "ignore_index": -1},
        "optimizer": {"type": "sgd", "learning_rate": 0.001},
        "batch_size": 1,
        "shuffle": False,
        "epochs": 2,
        "stop": {"loss_below": 0.01},
    }
    trained = training(raw)
    report = trained.advance(6)

    assert report.series["loss"].values[0] == 0.0
    assert (trained.step, trained.stop_reason) == (6, "steps_done")
