"""A step that is interrupted has had no effect, wherever in it that was; and short ones are never asked."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.replay import ReplayRun
from lockstep.core.ground.errors import Interrupted
from lockstep.core.learning import evaluation
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Points, Report
from lockstep.core.learning.training import Training
from lockstep.core.model.parameters import weights_sha256
from tests.core.learning.training_jobs import DIGITS, IMAGES, LINE, finished, resolved, training

pytestmark = pytest.mark.bits

SGD = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}
JOBS: dict[str, dict[str, Any]] = {
    "batch norm, dropout, accumulating": IMAGES | {"accumulate": 3, "epochs": 3, "batch_size": 400},
    "one shard of many pieces": DIGITS
    | {"accumulate": 25, "shards": 1, "batch_size": 500, "penalty": {"l2": 0.1}},
    "lbfgs": DIGITS
    | {"optimizer": {"type": "lbfgs"}, "batch_size": "full", "epochs": 5, "stop": {"loss_below": 0.4}},
    "plateau, patient, the best kept": DIGITS
    | {
        "optimizer": SGD,
        "clip": {"norm": 0.5},
        "schedule": {"type": "reduce_on_plateau", "patience": 0},
        "stop": {"patience": 2, "restore_best": True},
    },
    "nadam, an epoch's train loss": DIGITS
    | {
        "optimizer": {"type": "nadam"},
        "schedule": {"type": "cosine"},
        "batch_size": 500,
        "stop": {"loss_below": {"value": 0.01, "of": "train"}},
    },
    "a formula": LINE | {"epochs": 6, "shards": 2, "stop": {"patience": 3}},
}


class Counted:
    """A look-up that interrupts at its `at`-th call, counted from 0, and never after that."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at + 1:
            raise Interrupted("the test wants it")


@pytest.fixture
def all_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every evaluation counts as one that takes long."""
    monkeypatch.setattr(evaluation, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(evaluation, "LONG_BESIDE_STATE", 0.0)


def told(checkpoint: Checkpoint) -> str:
    """All that is in a checkpoint, in brief."""
    arrays = {"parameters": checkpoint.parameters}
    for kind in ("buffers", "optimizer", "best"):
        arrays |= {f"{kind}.{name}": array for name, array in getattr(checkpoint, kind).items()}
    rest = replace(checkpoint, parameters=np.empty(0), buffers={}, optimizer={}, best={})
    return f"{weights_sha256(arrays)} {rest}"


def joined(reports: list[Report]) -> dict[str, list[tuple[int, float]]]:
    names = {name for report in reports for name in report.series}
    series = {}
    for name in names:
        points = Points.joined([report.series[name] for report in reports if name in report.series])
        series[name] = list(zip(points.steps.tolist(), points.values.tolist(), strict=True))
    return {name: pairs for name, pairs in series.items() if pairs}


def asked_in_a_step(trained: Training) -> int:
    counted = Counted()
    trained.look_up = counted
    trained.advance(1)
    return counted.calls


def interruptions(raw: dict[str, Any], before: Checkpoint) -> Iterator[int]:
    """Where the step after `before` can be interrupted: everywhere, or at some places of many."""
    calls = asked_in_a_step(training(raw, checkpoint=before))
    yield from sorted({*range(min(calls, 4)), calls // 2, *range(max(0, calls - 4), calls)})


@pytest.mark.usefixtures("all_long")
@pytest.mark.parametrize("name", JOBS)
def test_an_interrupted_step_has_changed_nothing(name: str) -> None:
    raw = JOBS[name]
    undisturbed, disturbed = training(raw), training(raw)
    expected, reports = [], []
    interrupted = 0
    while not undisturbed.finished:
        before = undisturbed.checkpoint()
        for at in interruptions(raw, before):
            disturbed.look_up = Counted(at)
            report = disturbed.advance(1)
            assert (report.was_interrupted, report.step) == (True, before.step)
            assert told(disturbed.checkpoint()) == told(before)
            reports.append(report)
            interrupted += 1
        disturbed.look_up = None
        reports.append(disturbed.advance(1))
        expected.append(undisturbed.advance(1))
        assert told(disturbed.checkpoint()) == told(undisturbed.checkpoint())
    assert interrupted > undisturbed.step
    assert joined(reports) == joined(expected)
    assert disturbed.outcome().weights_sha256 == undisturbed.outcome().weights_sha256


@pytest.mark.usefixtures("all_long")
def test_of_several_steps_those_before_the_interrupted_one_are_reported() -> None:
    raw = JOBS["plateau, patient, the best kept"]
    first_epoch = training(raw)
    whole = first_epoch.advance(10)
    trained = training(raw)
    trained.look_up = Counted(1)

    report = trained.advance(100)

    assert (report.was_interrupted, report.first_step, report.step) == (True, 0, 10)
    assert joined([report]) == joined([whole])
    assert told(trained.checkpoint()) == told(first_epoch.checkpoint())


@pytest.mark.usefixtures("all_long")
@pytest.mark.parametrize("at", [0, 2, 6])
def test_the_last_evaluation_leaves_the_state_as_it_was(at: int) -> None:
    rate = {"optimizer": SGD | {"learning_rate": 0.3}}
    raw = JOBS["plateau, patient, the best kept"] | rate | {"epochs": 100}
    undisturbed, trained = finished(training(raw)), finished(training(raw))
    assert not np.array_equal(trained.checkpoint().best["parameters"], trained.checkpoint().parameters)
    trained.look_up = Counted(at)

    with pytest.raises(Interrupted):
        trained.outcome()

    assert told(trained.checkpoint()) == told(undisturbed.checkpoint())
    expected = undisturbed.outcome()
    for outcome in (trained.outcome(), training(raw, checkpoint=undisturbed.checkpoint()).outcome()):
        assert outcome.weights_sha256 == expected.weights_sha256
        assert outcome.metrics == expected.metrics


def test_short_steps_and_evaluations_are_never_asked() -> None:
    trained = training(DIGITS)
    trained.look_up = counted = Counted()

    finished(trained, stride=2).outcome()

    assert counted.calls == 0


def test_a_long_step_is_asked_before_each_shard_and_piece() -> None:
    assert asked_in_a_step(training(DIGITS)) == 8
    assert asked_in_a_step(training(DIGITS | {"shards": 1, "accumulate": 25})) == 25
    assert asked_in_a_step(training(DIGITS | {"shards": 4, "accumulate": 5})) == 4 + 20


def test_an_evaluation_is_long_by_its_size() -> None:
    def long_ones(size: int) -> list[bool]:
        data = {"generator": "blobs", "size": size, "classes": 10, "seed": 1}
        wide = [{"type": "linear", "in": 2, "out": 5_000}, {"type": "linear", "in": 5_000, "out": 10}]
        raw = DIGITS | {"model": {"layers": wide}, "data": data | {"validation_fraction": 0.5}}
        return [each.is_long for each in training(raw)._evaluations.values()]

    assert long_ones(1_000) == [False, False]
    assert long_ones(100_000) == [True, True]


def test_gradients_computed_again_may_be_interrupted() -> None:
    replay = ReplayRun(resolved(DIGITS), 0)
    expected = replay.gradients()
    replay.look_up = Counted(3)

    with pytest.raises(Interrupted):
        replay.gradients()

    for name, gradient in replay.gradients().items():
        np.testing.assert_array_equal(gradient, expected[name])
