"""Members that share out the update have the bits of one alone, whoever comes, goes or dies, and when."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.learning import dividing
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.model.parameters import weights_sha256
from tests.core.learning.divided import (
    DIVERGING,
    JOBS,
    POINTS,
    SECONDS,
    SMALL,
    TIMEOUTS,
    WIDE,
    Lead,
    ThreadHelper,
)
from tests.core.learning.training_jobs import finished, training


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dividing, "MIN_DIVIDED_NUMBERS", SMALL)


@pytest.fixture(scope="module")
def alone() -> dict[str, list[str]]:
    return {}


def told(checkpoint: Checkpoint) -> str:
    """All that is in a checkpoint, in brief."""
    arrays = {"parameters": checkpoint.parameters}
    for kind in ("buffers", "optimizer", "best"):
        arrays |= {f"{kind}.{name}": array for name, array in getattr(checkpoint, kind).items()}
    rest = replace(checkpoint, parameters=np.empty(0), buffers={}, optimizer={}, best={})
    return f"{weights_sha256(arrays)} {rest}"


def checkpoints(job: str, known: dict[str, list[str]]) -> list[str]:
    """What one alone saves before each step, and at the end."""
    if job not in known:
        trained = training(JOBS[job])
        saved = [told(trained.checkpoint())]
        while not trained.finished:
            trained.advance(1)
            saved.append(told(trained.checkpoint()))
        known[job] = saved
    return known[job]


def wait_for_joiners(lead: Lead, count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while len(lead.lead._door.waiting) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("nobody came")
        time.sleep(0.01)


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("helpers", [1, 2])
def test_every_checkpoint_is_that_of_one_alone(job: str, helpers: int, alone: dict[str, list[str]]) -> None:
    expected = checkpoints(job, alone)
    with Lead(JOBS[job]) as lead:
        others = [ThreadHelper(lead.port, JOBS[job]) for _ in range(helpers)]
        wait_for_joiners(lead, helpers)
        saved = [told(lead.training.checkpoint())]
        while not lead.training.finished:
            lead.training.advance(1)
            saved.append(told(lead.training.checkpoint()))
        assert saved == expected
        assert lead.group.world_size == 1 + helpers
        assert lead.group.divided > len(expected) // 4
        for other in others:
            other.join()
            assert other.training is not None
            mine = other.training.parameters.export()
            assert weights_sha256(mine) == weights_sha256(lead.training.parameters.export())


@pytest.mark.parametrize("stays", [1, 2, 5])
def test_helpers_come_and_go_between_any_two_steps(stays: int, alone: dict[str, list[str]]) -> None:
    job = "nadam, scheduled"
    expected = checkpoints(job, alone)
    with Lead(JOBS[job]) as lead:
        others = [ThreadHelper(lead.port, JOBS[job], stays)]
        wait_for_joiners(lead, 1)
        step = 0
        while not lead.training.finished:
            lead.training.advance(1)
            step += 1
            if step % 3 == 0 and len(others) < 7:
                others.append(ThreadHelper(lead.port, JOBS[job], stays))
                wait_for_joiners(lead, 1)
        assert told(lead.training.checkpoint()) == expected[-1]
        assert lead.group.divided


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_helper_may_die_at_any_point_of_its_step(
    point: str, steps: int, alone: dict[str, list[str]]
) -> None:
    job = "adam"
    expected = checkpoints(job, alone)
    with Lead(JOBS[job]) as lead, Dying(lead.port, job, point, steps) as process:
        stays = ThreadHelper(lead.port, JOBS[job])
        wait_for_joiners(lead, 2)
        saved = [told(lead.training.checkpoint())]
        while not lead.training.finished:
            lead.training.advance(1)
            saved.append(told(lead.training.checkpoint()))
        assert process.wait(SECONDS) == -9
        assert saved == expected
        assert [kind for kind, _ in lead.events].count("member_left") == 1
        assert lead.group.world_size == 2
        stays.join()


def test_a_group_with_a_helper_by_tcp_updates_everything_everywhere(alone: dict[str, list[str]]) -> None:
    job = "adam"
    expected = checkpoints(job, alone)
    with Lead(JOBS[job], "auto") as lead:
        shared = ThreadHelper(lead.port, JOBS[job])
        wait_for_joiners(lead, 1)
        lead.training.advance(10)
        before = lead.group.divided
        assert before
        remote = ThreadHelper(lead.port, JOBS[job], 5, "tcp")
        wait_for_joiners(lead, 1)
        lead.training.advance(5)
        assert lead.group.divided - before <= 1
        while not lead.training.finished:
            lead.training.advance(1)
        assert told(lead.training.checkpoint()) == expected[-1]
        assert lead.group.divided > before + 1
        for other in (shared, remote):
            other.join()


def test_a_closed_group_leaves_the_state_of_all_behind(alone: dict[str, list[str]]) -> None:
    job = "adam"
    with Lead(JOBS[job]) as lead:
        other = ThreadHelper(lead.port, JOBS[job])
        wait_for_joiners(lead, 1)
        steps = 1
        lead.training.advance(1)
        while not lead.group.divided or lead.training._observer.looks_at(steps - 1):
            lead.training.advance(1)
            steps += 1
        lead.lead.close("drained")
        other.join()

        assert told(lead.training.checkpoint()) == checkpoints(job, alone)[steps]


def test_a_step_without_a_finite_loss_moves_nothing() -> None:
    solo = training(DIVERGING)
    failed = solo.advance(100).failure
    with Lead(DIVERGING) as lead:
        other = ThreadHelper(lead.port, DIVERGING)
        wait_for_joiners(lead, 1)
        failure = lead.training.advance(100).failure

        assert failed is not None
        assert str(failure) == str(failed)
        assert lead.group.divided
        assert told(lead.training.checkpoint()) == told(solo.checkpoint())
    other.join()


def test_a_frozen_helper_is_dropped_and_harms_nobody_when_it_thaws(alone: dict[str, list[str]]) -> None:
    job = "lion, accumulating"
    expected = checkpoints(job, alone)
    impatient = replace(TIMEOUTS, step_seconds=1.0, least_seconds=0.5)
    with (
        Lead(JOBS[job], timeouts=impatient) as lead,
        Dying(lead.port, job, "before it sits", 1_000) as process,
    ):
        wait_for_joiners(lead, 1)
        saved = [told(lead.training.checkpoint())]
        while not lead.training.finished:
            if len(saved) == 5:
                process.send_signal(signal.SIGSTOP)
            if len(saved) == 20:
                process.send_signal(signal.SIGCONT)
            lead.training.advance(1)
            saved.append(told(lead.training.checkpoint()))
        assert saved == expected
        assert "late" in [data["left"] for kind, data in lead.events if kind == "member_left"]
        assert process.wait(SECONDS) != -9


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"layers": [{"type": "linear", "in": 64, "out": 10}]}},
        {"optimizer": {"type": "lbfgs", "history_size": 3}, "batch_size": "full"},
    ],
    ids=["a small model", "an optimizer that needs all of the gradient"],
)
def test_what_cannot_be_shared_out_or_does_not_pay_is_updated_everywhere(changes: dict[str, Any]) -> None:
    job = WIDE | changes | {"epochs": 2}
    solo = finished(training(job))
    with Lead(job) as lead:
        other = ThreadHelper(lead.port, job)
        wait_for_joiners(lead, 1)
        finished(lead.training)

        assert not lead.group.divided
        assert told(lead.training.checkpoint()) == told(solo.checkpoint())
        other.join()


class Dying:
    """A process that helps and kills itself at some point."""

    def __init__(self, port: int, job: str, point: str, steps: int) -> None:
        words = ["-m", "tests.core.learning.divided", str(port), job, point, str(steps)]
        self._process = subprocess.Popen([sys.executable, *words], env=dict(os.environ))

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(SECONDS)
