"""What happens between the tree and the optimizer: penalties, clipping, the schedule; and accumulation."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.base import BLOCK
from lockstep.core.optim.clipping import Clip, Clipping
from lockstep.core.optim.penalty import Penalty, WeightPenalty
from tests.core.learning.training_jobs import DIGITS, LINE, finished, resolved, training

pytestmark = pytest.mark.bits


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Their caller keeps numpy's warnings off."""
    with np.errstate(all="ignore"):
        yield


SGD = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9}


@pytest.mark.parametrize("size", [3, 2 * BLOCK + 5])
@pytest.mark.parametrize("norm", [0.5, 1e9])
def test_the_norm_is_limited(size: int, norm: float) -> None:
    gradient = np.linspace(-1, 2, size)
    before = gradient.copy()
    length = float(np.linalg.norm(before))

    Clipping(Clip(norm=norm)).apply(gradient)

    np.testing.assert_allclose(gradient, before * min(1.0, norm / (length + 1e-6)), rtol=1e-12)


def test_a_norm_below_the_limit_changes_no_bit() -> None:
    gradient = np.linspace(-1, 2, 7, dtype=np.float32)
    before = gradient.tobytes()

    Clipping(Clip(norm=100.0)).apply(gradient)

    assert gradient.tobytes() == before


def test_values_are_limited() -> None:
    gradient = np.array([-3.0, -0.5, 0.0, 0.25, 7.0])

    Clipping(Clip(value=0.5)).apply(gradient)

    assert gradient.tolist() == [-0.5, -0.5, 0.0, 0.25, 0.5]


def test_the_penalty_is_of_weights_and_not_of_biases() -> None:
    parameters = Parameters(build_graph(resolved(DIGITS).model, 64), np.dtype("float64"))
    parameters.initialize(3)
    gradient = np.zeros(parameters.flat.size)

    value = WeightPenalty(Penalty(l1=0.1, l2=0.01), parameters).join(gradient)

    weights = parameters.export()
    matrices = [array for array in weights.values() if array.ndim == 2]
    expected = sum(0.1 * np.abs(matrix).sum() + 0.01 * (matrix**2).sum() for matrix in matrices)
    assert value == pytest.approx(float(expected), rel=1e-12)
    slopes = 0.1 * np.sign(parameters.flat) + 0.02 * parameters.flat
    biases = parameters.views["0.bias"], parameters.views["2.bias"]
    for bias in biases:
        slopes[np.isin(parameters.flat, bias)] = 0.0
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12)


def test_the_penalty_joins_the_loss_once_whatever_the_shards() -> None:
    raw = LINE | {"epochs": 1, "optimizer": SGD}
    plain = training(raw).advance(1).series["loss"].values[0]
    for shards in (1, 2, 4):
        priced = training(raw | {"penalty": {"l1": 0.5, "l2": 0.25}, "shards": shards})
        loss = priced.advance(1).series["loss"].values[0]

        assert loss == plain + 0.5 * (4 + 1) + 0.25 * (16 + 1)
        assert priced.outcome().loss == loss
        a, b = 4 - 0.1 * (1.0 + 0.5 + 2 * 0.25 * 4), 1 - 0.1 * (0.0 + 0.5 + 2 * 0.25 * 1)
        weights = priced.outcome().weights
        # Σ 2 error x / n and Σ 2 error / n at a = 4, b = 1: the errors are -1 and 1.
        assert (float(weights["a"]), float(weights["b"])) == pytest.approx((a, b), rel=1e-14)


def test_clipping_takes_the_penalty_in() -> None:
    raw = LINE | {"epochs": 1, "optimizer": SGD, "penalty": {"l2": 10.0}, "clip": {"value": 0.5}}
    trained = training(raw)
    trained.advance(1)

    weights = trained.outcome().weights

    assert (float(weights["a"]), float(weights["b"])) == pytest.approx((3.95, 0.95), rel=1e-14)


def test_the_learning_rate_is_a_series_where_there_is_a_schedule() -> None:
    raw = DIGITS | {"schedule": {"type": "step", "step_size": 1, "gamma": 0.5, "warmup_steps": 3}}
    trained = training(raw)
    per_epoch = trained.steps // 2

    series = trained.advance(1000).series["learning_rate"]

    assert series.steps.tolist() == list(range(trained.steps))
    assert series.values[3] == 0.01
    assert series.values[0] == pytest.approx(0.01 / 3)
    assert series.values[per_epoch:].tolist() == [0.005] * per_epoch
    assert "learning_rate" not in training(DIGITS).advance(3).series


def test_an_infinite_gradient_that_is_clipped_still_ends_the_job() -> None:
    raw = LINE | {
        "model": {"expression": "sqrt(a)*x + b", "parameters": {"a": 0, "b": 0}},
        "clip": {"value": 1.0},
    }

    assert training(raw).advance(10).failure is not None


FULL_BATCH = {"batch_size": "full", "epochs": 8}
JOBS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": SGD | {"dampening": 0.5}},
    "rmsprop": {"optimizer": {"type": "rmsprop", "momentum": 0.5, "centered": True}},
    "adagrad": {"optimizer": {"type": "adagrad", "lr_decay": 0.1}},
    "adam": {"optimizer": {"type": "adam", "amsgrad": True}},
    "adamw": {"optimizer": {"type": "adamw"}},
    "nadam": {"optimizer": {"type": "nadam"}},
    "lion": {"optimizer": {"type": "lion", "weight_decay": 0.1}},
    "lbfgs": {"optimizer": {"type": "lbfgs", "history_size": 2, "learning_rate": 0.5}, **FULL_BATCH},
    "one_cycle": {"schedule": {"type": "one_cycle"}},
    "cosine_restarts": {"schedule": {"type": "cosine_restarts", "t_0": 3, "per": "step"}},
    "plateau": {
        "schedule": {"type": "reduce_on_plateau", "patience": 0, "threshold": 0.9, "cooldown": 1},
        "epochs": 6,
    },
    "all at once": {
        "schedule": {"type": "linear", "warmup_steps": 7},
        "clip": {"norm": 0.1},
        "penalty": {"l1": 0.001, "l2": 0.001},
        "accumulate": 2,
        "stop": {"restore_best": True, "patience": 1, "min_delta": 0.01},
    },
}
SMALL = DIGITS | {
    "data": DIGITS["data"] | {"test_fraction": 0.5, "validation_fraction": 0.3},
    "batch_size": 60,
    "shards": 4,
}


@pytest.mark.parametrize("changes", JOBS.values(), ids=JOBS)
def test_each_step_can_be_the_last_before_a_restart(changes: dict[str, Any]) -> None:
    raw = SMALL | changes
    whole = training(raw)
    rates = whole.advance(1000).series.get("learning_rate")
    digest = whole.outcome().weights_sha256

    stepwise = training(raw)
    seen: list[float] = []
    while not stepwise.finished:
        stepwise = training(raw, checkpoint=Checkpoint.from_bytes(stepwise.checkpoint().to_bytes()))
        series = stepwise.advance(1).series
        seen += series["learning_rate"].values.tolist() if rates is not None else []

    assert stepwise.step == whole.step
    assert stepwise.outcome().weights_sha256 == digest
    assert rates is None or seen == rates.values.tolist()


@pytest.mark.parametrize("shards", [1, 4])
def test_accumulated_batches_make_one_large_batch(shards: int) -> None:
    raw = SMALL | {"dtype": "float64", "shards": shards, "optimizer": SGD}

    large = finished(training(raw | {"batch_size": 120}))
    accumulated = finished(training(raw | {"batch_size": 40, "accumulate": 3}))

    assert accumulated.step == large.step
    for name, array in large.outcome().weights.items():
        np.testing.assert_allclose(accumulated.outcome().weights[name], array, rtol=1e-9, atol=1e-12)


def test_a_full_batch_is_worked_through_in_pieces() -> None:
    raw = LINE | {"epochs": 50}

    whole, pieces = (finished(training(raw | {"accumulate": count})).outcome() for count in (1, 5))

    assert float(pieces.weights["a"]) == pytest.approx(float(whole.weights["a"]), rel=1e-12)


def test_pieces_of_a_shard_have_random_numbers_of_their_own() -> None:
    noise = {"augment": [{"type": "noise", "std": 1.0}]}
    two = {"data": {"inline": {"x": [1, 1], "y": [6, 6]}, **noise}, "accumulate": 2}
    one = {"data": {"inline": {"x": [1], "y": [6]}, **noise}}

    first, second = (
        training(LINE | raw | {"seed": 1}).advance(1).series["loss"].values for raw in (two, one)
    )

    assert abs(first[0] - second[0]) > 1e-3
