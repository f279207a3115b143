"""The loss of an epoch, and the losses that loss_below looks at, against their definitions."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.batches import Batches
from lockstep.core.learning.loading import load_dataset
from tests.core.learning.training_jobs import finished, resolved, training

ROWS = 23
WAVES: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 1, "out": 3},
            {"type": "tanh"},
            {"type": "linear", "in": 3, "out": 2},
        ]
    },
    "data": {
        "inline": {
            "x": [[math.sin(row)] for row in range(ROWS)],
            "y": [[math.cos(row), row / ROWS] for row in range(ROWS)],
        }
    },
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 0.05},
    "epochs": 3,
    "batch_size": 5,
    "seed": 11,
    "dtype": "float64",
}  # fmt: skip
"""Five steps an epoch, the last of three rows."""
CLASSES = WAVES | {
    "model": {"layers": [{"type": "linear", "in": 1, "out": 3}]},
    "data": {"inline": {"x": WAVES["data"]["inline"]["x"], "y": [row * row % 3 for row in range(ROWS)]}},
    "loss": "cross_entropy",
}
LOSSES: dict[str, dict[str, Any]] = {
    "mse": WAVES,
    "mae": WAVES | {"loss": "mae"},
    "sse": WAVES | {"loss": "sse", "optimizer": {"type": "sgd", "learning_rate": 0.01}},
    "half_sse": WAVES | {"loss": "half_sse", "optimizer": {"type": "sgd", "learning_rate": 0.01}},
    "cross_entropy": CLASSES,
    "class weights": CLASSES | {"loss": {"type": "cross_entropy", "weight": [1, 0.25, 4]}},
    "ignored targets": CLASSES | {"loss": {"type": "cross_entropy", "ignore_index": 1}},
    "a penalty": WAVES | {"penalty": {"l2": 0.1}},
    "accumulated": WAVES | {"accumulate": 2},
}


def row_losses(
    raw: dict[str, Any], weights: Mapping[str, np.ndarray], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The loss of each row by its formula, (n,): sums over its outputs, undivided."""
    if raw["model"] is WAVES["model"]:
        hidden = np.tanh(x @ weights["0.weight"].T + weights["0.bias"])
        error = hidden @ weights["2.weight"].T + weights["2.bias"] - y
        powers = {"mae": np.abs(error), "half_sse": error**2 / 2}
        found: np.ndarray = powers.get(raw["loss"], error**2).sum(axis=1)
        return found
    logits = x @ weights["0.weight"].T + weights["0.bias"]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weighted: np.ndarray = -np.log(chances[np.arange(len(y)), y]) * counted(raw, y)
    return weighted


def counted(raw: dict[str, Any], y: np.ndarray) -> np.ndarray:
    """What each row adds to that which the sum of the losses is divided by, (n,)."""
    if raw["loss"] in ("mse", "mae"):
        return np.full(len(y), 2.0)  # elements
    options = raw["loss"] if isinstance(raw["loss"], dict) else {}
    weights = np.array(options.get("weight", [1.0] * 3))[y] if y.ndim == 1 else np.ones(len(y))
    return np.where(y == options["ignore_index"], 0.0, weights) if "ignore_index" in options else weights


@pytest.mark.parametrize("name", LOSSES)
def test_an_epochs_loss_weighs_each_row_alike(name: str) -> None:
    raw = LOSSES[name]
    spec = resolved(raw)
    part = load_dataset(spec).train
    batches = Batches(part.rows, spec.step_rows, spec.shuffle, spec.seed)
    trained = training(raw)
    losses, penalties = [], []
    for step in range(batches.steps_per_epoch):
        weights, rows = trained.parameters.export(), batches.rows_of(step)
        losses += row_losses(raw, weights, part.x[rows], part.y[rows]).tolist()
        squares = sum(float((array**2).sum()) for array in weights.values() if array.ndim > 1)
        penalties.append(raw.get("penalty", {"l2": 0.0})["l2"] * squares * len(rows) / part.rows)
        series = trained.advance(1).series
    over = 1.0 if raw["loss"] in ("sse", "half_sse") else math.fsum(counted(raw, part.y))

    assert series["epoch_loss"].steps.tolist() == [batches.steps_per_epoch - 1]
    expected = math.fsum(losses) / over + math.fsum(penalties)
    np.testing.assert_allclose(series["epoch_loss"].values, [expected], rtol=1e-12)


def test_it_is_not_the_mean_of_the_batches() -> None:
    trained = training(WAVES)
    series = trained.advance(5).series
    assert abs(series["epoch_loss"].values[0] - series["loss"].values.mean()) > 1e-3


def test_where_an_epoch_is_one_step_its_loss_is_the_steps() -> None:
    assert "epoch_loss" not in training(WAVES | {"batch_size": "full"}).advance(3).series


def test_the_epochs_loss_is_what_patience_and_plateau_watch() -> None:
    """A learning rate of 0 leaves every epoch the same loss, to the bit: none is lower than the first."""
    still = WAVES | {"shuffle": False, "epochs": 9, "optimizer": {"type": "sgd", "learning_rate": 1e-30}}
    trained = finished(training(still | {"stop": {"patience": 2}}))

    assert (trained.stop_reason, trained.step) == ("patience", 15)

    rates = training(
        still | {"schedule": {"type": "reduce_on_plateau", "patience": 0, "factor": 0.5, "eps": 0}}
    )
    values = rates.advance(20).series["learning_rate"].values
    np.testing.assert_array_equal(values[::5], [1e-30, 1e-30, 0.5e-30, 0.25e-30])


HELD_OUT = WAVES | {"data": WAVES["data"] | {"validation_fraction": 0.2}, "epochs": 40}


def below(value: float, of: str) -> dict[str, Any]:
    return HELD_OUT | {"stop": {"loss_below": {"value": value, "of": of}}}


@pytest.mark.parametrize(
    ("of", "series"),
    [("step", "loss"), ("epoch", "epoch_loss"), ("train", "train_loss"), ("validation", "validation_loss")],
)
def test_ends_at_the_first_loss_of_its_kind_that_is_below(of: str, series: str) -> None:
    """The goal lies halfway between the last new lowest loss and the one before it."""
    recorded = training(below(1e-9, of)).advance(10_000).series[series]
    lowest = np.minimum.accumulate(recorded.values)
    place = int(np.flatnonzero(np.diff(lowest))[-1])

    trained = finished(training(below(float(lowest[place : place + 2].mean()), of)))

    assert trained.stop_reason == "loss_below"
    assert trained.step == recorded.steps[place + 1] + 1


def test_a_number_means_the_epochs_loss() -> None:
    """A single lucky batch of one row does not end the training."""
    raw = HELD_OUT | {"batch_size": 1, "epochs": 4}
    series = training(raw).advance(10_000).series
    goal = float(series["epoch_loss"].values.min()) * 0.9
    assert series["loss"].values.min() < goal

    assert finished(training(raw | {"stop": {"loss_below": goal}})).stop_reason == "steps_done"
    assert finished(training(raw | {"stop": {"loss_below": {"value": goal, "of": "step"}}})).step < 30


def test_the_training_part_is_measured_at_the_weights_after_the_epoch() -> None:
    trained = training(below(1e-9, "train"))
    measured = trained.advance(trained.steps).series["train_loss"].values

    assert trained.outcome().metrics["train_loss"] == measured[-1]


def test_a_full_batch_looks_at_each_step() -> None:
    full = WAVES | {"batch_size": "full", "epochs": 200}
    losses = training(full).advance(200).series["loss"].values
    for rule in (float(losses[50]), {"value": float(losses[50]), "of": "epoch"}):
        trained = finished(training(full | {"stop": {"loss_below": rule}}))
        assert (trained.step, trained.stop_reason) == (52, "loss_below")
