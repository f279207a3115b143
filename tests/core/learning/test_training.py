"""The training loop: what it learns, when it ends, and that stopping and going on changes no bit."""

import math
from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.learning.checkpoint import Checkpoint
from tests.core.learning.training_jobs import DIGITS, IMAGES, LINE, finished, training

pytestmark = pytest.mark.bits


def test_the_line_is_learned_to_the_last_digit() -> None:
    outcome = finished(training(LINE)).outcome()

    assert float(outcome.weights["a"]) == 2.00000078438591
    assert float(outcome.weights["b"]) == 3.9999987308369374


def test_the_first_steps_follow_the_formula() -> None:
    a, b, rate = 4.0, 1.0, 0.1
    losses = []
    for _ in range(3):
        errors = [a * x + b - y for x, y in ((1, 6), (2, 8))]
        losses.append(sum(error**2 for error in errors) / 2)
        slope_a = sum(2 * error * x for error, x in zip(errors, (1, 2), strict=True)) / 2
        slope_b = sum(2 * error for error in errors) / 2
        a, b = a - rate * slope_a, b - rate * slope_b

    report = training(LINE).advance(3)

    assert report.series["loss"].steps.tolist() == [0, 1, 2]
    np.testing.assert_allclose(report.series["loss"].values, losses, rtol=1e-14)


@pytest.mark.parametrize("stride", [1, 7, 1000])
def test_the_stride_changes_nothing(stride: int) -> None:
    whole = finished(training(DIGITS)).outcome()

    cut = finished(training(DIGITS), stride).outcome()

    assert cut.weights_sha256 == whole.weights_sha256
    assert cut.metrics == whole.metrics


@pytest.mark.parametrize(
    "optimizer", [{"type": "adam"}, {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9}]
)
@pytest.mark.parametrize("at", [1, 10, 11, 15])
@pytest.mark.parametrize("job", [DIGITS, IMAGES], ids=["digits", "images"])
def test_resume_equals_uninterrupted(job: dict[str, Any], at: int, optimizer: dict[str, object]) -> None:
    raw = job | {"optimizer": {"learning_rate": 0.01, **optimizer}, "stop": {"patience": 1}, "epochs": 3}
    undisturbed = training(raw)
    history = [undisturbed.advance(1).series for _ in range(at)]
    saved = Checkpoint.from_bytes(undisturbed.checkpoint().to_bytes())
    rest = undisturbed.advance(1000)

    resumed = training(raw, checkpoint=saved)
    again = resumed.advance(1000)

    assert resumed.step == undisturbed.step
    assert resumed.stop_reason == undisturbed.stop_reason
    assert again.series.keys() == rest.series.keys()
    for name, points in rest.series.items():
        assert again.series[name].values.tobytes() == points.values.tobytes()
    assert resumed.outcome().weights_sha256 == undisturbed.outcome().weights_sha256
    assert len(history) == at


def test_validation_is_measured_at_the_last_step_of_each_epoch() -> None:
    trained = training(DIGITS)

    series = trained.advance(1000).series

    per_epoch = trained.steps // 2
    assert series["validation_loss"].steps.tolist() == [per_epoch - 1, 2 * per_epoch - 1]
    assert series["validation_accuracy"].values[-1] == trained.outcome().metrics["validation_accuracy"]


def test_loss_below_ends_after_the_update_of_that_step() -> None:
    trained = training(LINE | {"stop": {"loss_below": 0.001}})

    losses = trained.advance(1000).series["loss"].values

    assert trained.stop_reason == "loss_below"
    assert losses[-1] < 0.001 <= losses[:-1].min()
    assert trained.outcome().metrics["train_loss"] < losses[-1]


def test_patience_counts_epochs_without_a_better_loss() -> None:
    flat = LINE | {"optimizer": {"type": "sgd", "learning_rate": 1e-30}, "stop": {"patience": 4}}

    trained = finished(training(flat))

    assert trained.stop_reason == "patience"
    assert trained.step == 5


def test_steps_used_up_is_a_reason_of_its_own() -> None:
    trained = finished(training(LINE | {"epochs": 5}))

    assert trained.stop_reason == "steps_done"
    assert trained.step == trained.steps == 5


def test_divergence_keeps_the_history_up_to_the_loss_that_showed_it() -> None:
    report = training(LINE | {"optimizer": {"type": "sgd", "learning_rate": 10}}).advance(1000)

    assert isinstance(report.failure, Diverged)
    assert "learning_rate" in str(report.failure)
    values = report.series["loss"].values
    assert not math.isfinite(values[-1])
    assert np.isfinite(values[:-1]).all()
    assert len(values) == report.step > 10


def test_a_value_outside_the_domain_is_named() -> None:
    raw = LINE | {"model": {"expression": "ln(a*x) + b", "parameters": {"a": -1, "b": 0}}}

    report = training(raw).advance(10)

    assert isinstance(report.failure, DomainError)
    assert "step 0" in str(report.failure)
    assert "-1" in str(report.failure)


def test_an_infinite_slope_is_found_before_it_ruins_the_weights() -> None:
    raw = LINE | {"model": {"expression": "sqrt(a)*x + b", "parameters": {"a": 0, "b": 0}}}

    report = training(raw).advance(10)

    assert isinstance(report.failure, DomainError)
    assert report.series["loss"].values.tolist() == [50.0]
