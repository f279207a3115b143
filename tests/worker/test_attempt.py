"""The story of an attempt, on the real store and the real training."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, event

from lockstep.service.settings import Settings
from lockstep.service.store import checkpoints, endings
from lockstep.worker.attempt import lead_job
from tests.worker.bench import LINE, LINE_DIGEST, MOONS, Bench, digest, never


class Died(BaseException):
    """A process that dies does not get to its `except` clauses."""


class After:
    """For `draining`: does something at a given look, once."""

    def __init__(self, looks: int, what: Any) -> None:
        self._looks = looks
        self._what = what

    def __call__(self) -> bool:
        self._looks -= 1
        return bool(self._what()) if self._looks == 0 else False


def die() -> bool:
    raise Died


@contextmanager
def counted_commits() -> Iterator[list[int]]:
    """How many transactions that may write were committed."""
    count = [0]

    def commit(connection: Connection) -> None:
        options = connection.get_execution_options()
        count[0] += "lockstep_begin" not in options and "postgresql_readonly" not in options

    event.listen(Engine, "commit", commit)
    try:
        yield count
    finally:
        event.remove(Engine, "commit", commit)


def test_trains_to_the_numbers_of_the_contract(bench: Bench) -> None:
    job_id = bench.submit(LINE)

    job = bench.lead()

    assert job.status == "succeeded"
    assert job.result is not None
    assert job.result["steps"] == 1000
    assert job.result["stop_reason"] == "steps_done"
    assert job.result["parameters"] == {"a": 2.00000078438591, "b": 3.9999987308369374}
    assert digest(job) == LINE_DIGEST
    assert (job.step, job.epoch, job.fraction) == (1000, 1000, 1.0)
    assert [change.status for change in job.transitions] == ["queued", "running", "succeeded"]
    loss = bench.history(job_id)["loss"]
    assert loss.steps.tolist() == list(range(1000))
    assert loss.values[-1] == job.result["loss"]


def test_a_short_job_costs_two_transactions(bench: Bench) -> None:
    bench.submit(LINE)
    lease = bench.claim()

    with counted_commits() as commits:
        lead_job(lease, bench.tools(), never)

    assert commits == [1]
    assert bench.job(lease.claim.job_id).status == "succeeded"


def test_writes_progress_and_checkpoints_of_a_longer_job(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=100_000)
    seen: list[tuple[int, float | None, int | None]] = []
    deadline = time.monotonic() + 20

    def look() -> bool:
        job = bench.job(job_id)
        with bench.database.read() as tx:
            saved = checkpoints.latest(tx, job_id)
        if job.step and not seen:
            seen.append((job.step, job.steps_per_second, saved.step if saved else None))
        assert time.monotonic() < deadline
        return bool(seen)

    job = bench.lead(draining=look)

    step, speed, saved_step = seen[0]
    assert step == saved_step
    assert speed is not None
    assert speed > 0
    assert job.first_step_ms is not None
    assert job.status == "queued"
    recorded = bench.history(job_id)
    assert len(recorded["loss"].steps) == job.step
    assert len(recorded["validation_loss"].steps) == job.step // 11


def test_a_drained_job_goes_on_elsewhere_to_the_same_bits(bench: Bench) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    job_id = bench.submit(MOONS)

    drained = bench.lead(draining=After(3, lambda: True))

    assert (drained.status, drained.status_reason, drained.attempt) == ("queued", "worker_drained", 2)
    assert 0 < drained.step < 440
    assert bench.bell.rung == [("lead", job_id)]
    job = bench.lead("b")
    assert job.status == "succeeded"
    assert digest(job) == digest(undisturbed)
    assert bench.history(job_id)["loss"].steps.tolist() == list(range(440))


def test_a_killed_attempt_is_replayed_from_its_checkpoint_to_the_same_bits(bench: Bench) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    job_id = bench.submit(MOONS)

    def die_after_a_report() -> bool:
        time.sleep(0.3)  # so that the first second ends before the job does
        return die() if bench.job(job_id).step else False

    with pytest.raises(Died):
        bench.lead(draining=die_after_a_report)
    resumes_at = bench.job(job_id).step
    assert bench.evict() == [job_id]
    evicted = bench.job(job_id)
    assert 0 < resumes_at < 440
    assert (evicted.status, evicted.attempt) == ("queued", 2)
    job = bench.lead("b")

    assert digest(job) == digest(undisturbed)
    mine, other = bench.history(job_id), bench.history(undisturbed.id)
    assert mine.keys() == other.keys()
    for name, points in mine.items():
        np.testing.assert_array_equal(points.steps, other[name].steps)
        np.testing.assert_array_equal(points.values, other[name].values)


def test_three_deaths_without_a_checkpoint_end_the_job(bench: Bench) -> None:
    job_id = bench.submit(MOONS)

    for _ in range(3):
        with pytest.raises(Died):
            bench.lead(draining=After(1, die))
        bench.evict()

    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "worker_lost"


def test_a_job_outlives_any_number_of_deaths_that_leave_it_time_for_a_step(bench: Bench) -> None:
    bench.submit(MOONS)
    undisturbed = bench.lead()
    job_id = bench.submit(MOONS)

    for _ in range(6):
        with pytest.raises(Died):
            bench.lead(draining=After(2, die))
        bench.evict()

    assert digest(bench.lead()) == digest(undisturbed)
    assert bench.job(job_id).attempt == 7


def test_a_zombie_writes_nothing(bench: Bench) -> None:
    job_id = bench.submit(MOONS)

    job = bench.lead(draining=After(2, lambda: bench.evict() and False))

    assert (job.status, job.attempt) == ("queued", 2)
    assert bench.history(job_id) == {}
    assert digest(bench.lead("b")) is not None


def test_a_holder_that_could_not_renew_stops_by_itself(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=100_000)
    impatient = Settings(database_url="sqlite:///unused", lease_seconds=1, renew_seconds=0.5)
    lease = bench.claim(settings=impatient)
    time.sleep(0.9)  # a process that was frozen between its claim and its first step

    lead_job(lease, bench.tools(settings=impatient), never)

    assert bench.job(job_id).status == "running"
    assert bench.history(job_id) == {}


def cancel(bench: Bench, job_id: str) -> bool:
    with bench.database.write() as tx:
        endings.request(tx, "cancel", job_id, None)
    return False


def test_cancels_in_the_middle_of_its_steps(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=100_000)

    job = bench.lead(draining=After(3, lambda: cancel(bench, job_id)))

    assert job.status == "cancelled"
    assert 0 < job.step < job.steps
    assert len(bench.history(job_id)["loss"].steps) == job.step


@pytest.mark.parametrize("changes", [{}, {"optimizer": {"type": "sgd", "learning_rate": 10}}])
def test_a_cancel_that_comes_before_the_end_wins(bench: Bench, changes: dict[str, Any]) -> None:
    job_id = bench.submit(LINE, **changes)
    lease = bench.claim()
    cancel(bench, job_id)

    lead_job(lease, bench.tools(), never)

    assert bench.job(job_id).status == "cancelled"


def test_divergence_keeps_the_history_up_to_it(bench: Bench) -> None:
    job_id = bench.submit(LINE, optimizer={"type": "sgd", "learning_rate": 10})

    job = bench.lead()

    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "diverged"
    assert job.error.param == "/optimizer/learning_rate"
    values = bench.history(job_id)["loss"].values
    assert np.isfinite(values[:-1]).all()
    assert not math.isfinite(values[-1])


def test_a_domain_error_names_the_function(bench: Bench) -> None:
    bench.submit(LINE, model={"expression": "log(a*x) + b", "parameters": {"a": -1, "b": 1}})

    job = bench.lead()

    assert job.error is not None
    assert job.error.code == "domain_error"
    assert "log" in job.error.message


def test_what_nobody_foresaw_is_internal_and_tells_no_secrets(bench: Bench) -> None:
    job_id = bench.submit(LINE)
    lease = bench.claim()

    def fail() -> bool:
        raise RuntimeError("the password is hunter2")

    lead_job(lease, bench.tools(), fail)

    job = bench.job(job_id)
    assert job.error is not None
    assert job.error.code == "internal"
    assert job.error.message == "unexpected RuntimeError; the worker's log has the details"
