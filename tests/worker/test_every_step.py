"""A job that is broken off at any of its steps, the last and the one after included, ends as undisturbed."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

import lockstep.worker.reporter
import lockstep.worker.team
from lockstep.core.learning.report import Points
from lockstep.service.store.jobs import Job
from tests.stored_jobs import ask
from tests.worker.bench import Bench
from tests.worker.every_step import JOBS, NET, Died, DiesAtItsEnd, Look, lead_on


@pytest.fixture(autouse=True)
def _look_up_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep.worker.team, "STRIDE_SECONDS", 0.0)


def undisturbed(bench: Bench, name: str) -> Job:
    raw, reason = JOBS[name]
    bench.submit(raw)
    job = bench.lead()
    assert job.status == "succeeded"
    assert job.result is not None
    assert job.result["stop_reason"] == reason
    return job


def assert_same(bench: Bench, job: Job, other: Job) -> None:
    """One result in every key, and one history."""
    assert job.status == "succeeded", job
    assert job.result == other.result
    mine, others = bench.history(job.id), bench.history(other.id)
    assert mine.keys() == others.keys()
    for name, points in mine.items():
        assert_same_points(points, others[name])


def assert_same_points(points: Points, others: Points) -> None:
    np.testing.assert_array_equal(points.steps, others.steps)
    np.testing.assert_array_equal(points.values, others.values)


def looks(bench: Bench, name: str, what: str) -> Iterator[tuple[str, Look]]:
    """A new job, and a look that breaks it off, for each of the looks that one attempt at it takes."""
    number = 1
    while True:
        job_id = bench.submit(JOBS[name][0])
        look = Look(bench, job_id, number, what)
        yield job_id, look
        if look.missed:
            return
        number += 1


@pytest.mark.parametrize("name", JOBS)
def test_drained_at_each_step(bench: Bench, name: str) -> None:
    whole = undisturbed(bench, name)
    for job_id, look in looks(bench, name, "drain"):
        job = bench.lead(draining=look)
        if not look.missed:
            assert (job.status, job.status_reason) == ("queued", "worker_drained")
            job = lead_on(bench)
        assert job.id == job_id
        assert_same(bench, job, whole)


@pytest.mark.parametrize("name", JOBS)
def test_drained_at_each_step_of_one_job(bench: Bench, name: str) -> None:
    """Attempt after attempt is drained as soon as it looks up."""
    whole = undisturbed(bench, name)
    job_id = bench.submit(JOBS[name][0])
    job = bench.job(job_id)
    for _ in range(100):
        job = bench.lead(draining=Look(bench, job_id, 1, "drain"))
        if job.is_terminal:
            break
    assert_same(bench, job, whole)


@pytest.mark.parametrize("name", JOBS)
def test_killed_at_each_step_and_again_at_the_next(bench: Bench, name: str) -> None:
    """The first attempt leaves a checkpoint of the step; the second dies a step later."""
    whole = undisturbed(bench, name)
    for job_id, look in looks(bench, name, "drain"):
        job = bench.lead(draining=look)
        if not look.missed:
            with contextlib.suppress(Died):
                bench.lead(draining=Look(bench, job_id, 1, "die"))
            bench.evict()
            job = bench.job(job_id) if bench.job(job_id).is_terminal else lead_on(bench)
        assert_same(bench, job, whole)


@pytest.mark.parametrize("name", JOBS)
def test_killed_in_the_evaluation_after_the_last_step(bench: Bench, name: str) -> None:
    whole = undisturbed(bench, name)
    job_id = bench.submit(JOBS[name][0])
    with pytest.raises(Died), DiesAtItsEnd():
        bench.lead()
    assert bench.evict() == [job_id]

    assert_same(bench, lead_on(bench), whole)


@pytest.fixture
def _renews_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what a user asks for is heard after the next step."""
    monkeypatch.setattr(lockstep.worker.reporter, "REPORT_SECONDS", 0.0)


@pytest.mark.usefixtures("_renews_after_each_step")
@pytest.mark.parametrize("name", JOBS)
def test_paused_at_each_step(bench: Bench, name: str) -> None:
    """But for the last two looks: a run that ends first ends as it would."""
    whole = undisturbed(bench, name)
    statuses = []
    for job_id, look in looks(bench, name, "pause"):
        job = bench.lead(draining=look)
        statuses.append(job.status)
        if job.status == "paused":
            assert (job.attempt, job.workers_active) == (2, 0)
            with pytest.raises(AssertionError):  # nobody claims it
                bench.claim()
            ask(bench.database, "resume", job_id)
            job = lead_on(bench)
        assert_same(bench, job, whole)
    assert statuses == ["paused"] * (len(statuses) - 2) + ["succeeded"] * 2


@pytest.mark.usefixtures("_renews_after_each_step")
def test_paused_twenty_times(bench: Bench) -> None:
    raw = NET | {"epochs": 200}
    bench.submit(raw)
    whole = bench.lead()
    job_id = bench.submit(raw)
    for number in range(20):
        job = bench.lead(draining=Look(bench, job_id, 1, "pause"))
        assert (job.status, job.attempt) == ("paused", number + 2)
        ask(bench.database, "resume", job_id)
        # Once more, before a worker takes it.
        assert ask(bench.database, "pause", job_id).status == "paused"
        assert ask(bench.database, "resume", job_id).status_reason == "resumed"
    assert_same(bench, lead_on(bench), whole)


@pytest.mark.parametrize("name", JOBS)
def test_cancelled_at_each_step(bench: Bench, name: str) -> None:
    for job_id, look in looks(bench, name, "cancel"):
        job = bench.lead(draining=look)
        assert job.id == job_id
        assert job.status == ("succeeded" if look.missed else "cancelled")
        assert (job.result is None) == (not look.missed)
