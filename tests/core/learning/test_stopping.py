"""Early stopping: what counts as better, and which weights are the result."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.stopping import StopState
from tests.core.learning.training_jobs import DIGITS, finished, training

pytestmark = pytest.mark.bits

OVERSHOOTING: dict[str, Any] = DIGITS | {
    "optimizer": {"type": "sgd", "learning_rate": 1.0, "momentum": 0.99},
    "epochs": 6,
}


def test_a_loss_is_better_where_it_is_lower_by_min_delta() -> None:
    state = StopState()
    stale = []
    for loss in (1.0, 0.95, 0.875, 0.8, 0.75):
        state = state.after_epoch(loss, min_delta=0.1)
        stale.append(state.stale_epochs)

    assert stale == [0, 1, 0, 1, 0]
    assert state.best == 0.75


def best_of(raw: dict[str, Any]) -> tuple[int, float, str]:
    """The number of steps before the end of the best epoch, its validation loss, and the digest then."""
    trained = training(raw)
    losses, saved = [], []
    for _ in range(raw["epochs"]):
        series = trained.advance(trained.steps // raw["epochs"]).series["validation_loss"]
        losses.append((float(series.values[0]), trained.step))
        saved.append(Checkpoint.from_bytes(trained.checkpoint().to_bytes()))
    loss, step = min(losses)
    at_best = training(raw, checkpoint=saved[losses.index((loss, step))])
    return step, loss, at_best.outcome().weights_sha256


def test_the_best_epoch_is_the_result() -> None:
    step, loss, digest = best_of(OVERSHOOTING)
    assert step < training(OVERSHOOTING).steps

    outcome = finished(training(OVERSHOOTING | {"stop": {"restore_best": True}})).outcome()

    assert outcome.weights_sha256 == digest
    assert outcome.metrics["validation_loss"] == loss
    assert finished(training(OVERSHOOTING)).outcome().weights_sha256 != digest


def test_the_best_epoch_survives_a_restart() -> None:
    raw = OVERSHOOTING | {"stop": {"restore_best": True}}
    whole = finished(training(raw)).outcome()
    cut = training(raw)
    cut.advance(training(raw).steps - 1)

    resumed = finished(training(raw, checkpoint=Checkpoint.from_bytes(cut.checkpoint().to_bytes()))).outcome()

    assert resumed.weights_sha256 == whole.weights_sha256


def test_weights_that_were_asked_for_by_their_loss_are_kept() -> None:
    """The job ends inside the second epoch: the best epoch's weights, the first's, are others."""
    plain = training(DIGITS)
    losses = plain.advance(1000).series["loss"].values
    per_epoch = plain.steps // 2
    lower = losses[1:] < np.minimum.accumulate(losses)[:-1]
    last = 1 + next(int(step) for step in np.flatnonzero(lower) if per_epoch <= step < 2 * per_epoch - 3)
    rules = {"loss_below": {"value": float(losses[:last].min()), "of": "step"}}

    plain, restoring = (
        finished(training(DIGITS | {"stop": rules | {"restore_best": restores}}))
        for restores in (False, True)
    )

    assert (restoring.step, restoring.stop_reason) == (last + 1, "loss_below")
    assert restoring.outcome().weights_sha256 == plain.outcome().weights_sha256
