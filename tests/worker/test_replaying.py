"""Answering questions about steps, and findings, on the real store and the real training."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.replay import ReplayRun
from lockstep.core.model.encoding import from_safetensors
from lockstep.core.spec import read_resolved
from lockstep.service.store import claims, events, history, replays
from lockstep.service.store.replays import Asked, Question
from lockstep.worker.lease import Lease
from lockstep.worker.replaying import answer_replay
from tests.worker.bench import LINE, MOONS, Bench, never
from tests.worker.test_attempt import After
from tests.worker.test_runner import running, wait_until

MINIMIZE: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1.2},
    "optimizer": {"type": "sgd", "learning_rate": 0.3},
    "steps": 20,
}


def asked(bench: Bench, job_id: str, step: int, question: Question = "gradients", sample: int = 0) -> Asked:
    with bench.database.write() as tx:
        about = Asked(job_id=job_id, question=question, step=step, sample=sample)
        replays.ask(tx, about)
    return about


def answer(bench: Bench, draining: Callable[[], bool] = never) -> bool:
    return answer_replay(bench.question(), bench.tools(), draining)


def found(bench: Bench, about: Asked) -> bytes:
    with bench.database.read() as tx:
        replay = replays.find(tx, about)
        assert replay is not None
        assert replay.result_sha256 is not None, replay
        return replays.answer(tx, replay.result_sha256)


def error(bench: Bench, about: Asked) -> str:
    with bench.database.read() as tx:
        replay = replays.find(tx, about)
    assert replay is not None
    assert replay.error_message is not None, replay
    return replay.error_message


def direct(bench: Bench, job_id: str, step: int) -> dict[str, np.ndarray]:
    job = bench.job(job_id)
    replay = ReplayRun(read_resolved(job.kind, job.spec_json), step)
    while not replay.done:
        replay.advance(100)
    return replay.gradients()


def test_a_finished_job_is_asked_for_a_step_in_its_middle(bench: Bench) -> None:
    job_id = bench.submit(MOONS)
    bench.lead()
    about = asked(bench, job_id, 123)

    assert answer(bench)

    arrays = from_safetensors(found(bench, about))
    for name, gradient in direct(bench, job_id, 123).items():
        np.testing.assert_array_equal(arrays[name], gradient)


def test_a_running_job_is_asked_from_its_checkpoint(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=10_000)
    bench.lead(draining=After(4, lambda: True))
    bench.lead(draining=After(3, lambda: True))
    bench.claim("b")
    job = bench.job(job_id)
    assert (job.status, job.step > 0) == ("running", True)
    about = asked(bench, job_id, job.step - 1)

    assert answer(bench)
    for name, gradient in direct(bench, job_id, job.step - 1).items():
        np.testing.assert_array_equal(from_safetensors(found(bench, about))[name], gradient)


def test_a_walk_and_a_search(bench: Bench) -> None:
    line, search = bench.submit(LINE), bench.submit(MINIMIZE)
    bench.lead()
    bench.lead()
    walk = asked(bench, line, 5, "walk", sample=1)
    point = asked(bench, search, 1)

    assert answer(bench)
    assert answer(bench)
    told = json.loads(found(bench, walk))
    assert (told["step"], told["sample"], len(told["backward"])) == (5, 1, 4)
    assert from_safetensors(found(bench, point))["x"] == pytest.approx(0.96)


def test_what_cannot_be_answered_says_why(bench: Bench) -> None:
    job_id = bench.submit(LINE)
    bench.lead()
    beyond = asked(bench, job_id, 5, "walk", sample=2)
    never_came = asked(bench, job_id, 5000)

    assert answer(bench)
    assert answer(bench)
    assert "expected a sample of the step's batch, 0 to 1, got 2" in error(bench, beyond)
    assert "it ended at 1000" in error(bench, never_came)


def test_a_machine_that_computes_other_losses_is_found_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit(LINE)
    bench.lead()
    about = asked(bench, job_id, 50)
    monkeypatch.setattr(history, "at", lambda *_: 0.25)

    assert answer(bench)
    assert "not to be trusted" in error(bench, about)


def test_it_gives_way_to_a_job_and_to_a_stop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = bench.submit(LINE)
    bench.lead()
    asked(bench, job_id, 999)
    assert not answer(bench, lambda: True)

    monkeypatch.setattr(claims, "jobs_waiting", lambda *_: 1)
    lease = bench.question(bench.settings.model_copy(update={"renew_seconds": 0.0}))

    def looks_up() -> bool:
        wait_until(lambda: lease.jobs_waiting > 0)
        return False

    assert not answer_replay(lease, bench.tools(), looks_up)
    assert lease.claim.tries == 1
    assert bench.question().claim.tries == 1


def test_whoever_lost_a_question_writes_no_answer(bench: Bench) -> None:
    job_id = bench.submit(LINE)
    bench.lead()
    about = asked(bench, job_id, 10)
    now = bench.question()
    before = Lease(replace(now.claim, tries=now.claim.tries - 1), bench.tools(), time.monotonic())

    assert answer_replay(before, bench.tools(), never)
    assert state(bench, about) == "running"
    assert answer_replay(now, bench.tools(), never)
    assert state(bench, about) == "done"


def test_a_runner_answers_questions_by_itself(bench: Bench) -> None:
    job_id = bench.submit(LINE)
    bench.lead()
    about = asked(bench, job_id, 10)

    with running(bench, poll_seconds=0.05):
        wait_until(lambda: state(bench, about) == "done")


def state(bench: Bench, about: Asked) -> str | None:
    with bench.database.read() as tx:
        replay = replays.find(tx, about)
    return replay.status if replay else None


def told_findings(bench: Bench, job_id: str) -> list[dict[str, Any]]:
    with bench.database.read() as tx:
        return [dict(each.data) for each in events.list_events(tx, job_id) if each.type == "finding"]


DEAD: dict[str, Any] = MOONS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 4},
            {"type": "relu"},
            {"type": "linear", "in": 4, "out": 2},
        ],
        "initial_weights": {"0.bias": [-1e3, -1e3, -1e3, 1.0]},
    }
}


def test_findings_are_told_once_whatever_the_attempts(bench: Bench) -> None:
    job_id = bench.submit(DEAD, epochs=20_000)
    bench.lead(draining=lambda: bool(told_findings(bench, job_id)))
    bench.lead("b", After(20, lambda: True))
    bench.lead(draining=After(20, lambda: True))

    told = [(each["code"], each["layer"]) for each in told_findings(bench, job_id)]
    assert told.count(("dead_units", "1")) == 1
    assert len(told) == len(set(told))
