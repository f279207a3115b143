"""Jobs as the API makes, reads and lists them."""

import json
import time
from dataclasses import replace

import pytest

from lockstep.service.store import endings, jobs, queue, specs
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Failure, Progress
from lockstep.service.store.errors import NotFound
from lockstep.service.store.listing import JobFilter, list_jobs
from lockstep.service.store.tables import blob_parts
from tests.stored_jobs import (
    NEW,
    OTHER,
    OWNER,
    RESULT,
    ask,
    cancel,
    claim,
    evict,
    fenced,
    get,
    job_in,
    keep_spec,
    queue_job,
)


def test_new_job_is_queued_and_as_submitted(database: Database) -> None:
    made = queue_job(database, replace(NEW, name="digits ∂", metadata={"team": "a"}, workers=3))
    assert made == get(database, made.id)
    assert (made.status, made.version, made.attempt, made.step, made.steps) == ("queued", 1, 1, 0, 100)
    assert (made.name, made.metadata, made.workers_wanted, made.workers_active) == (
        "digits ∂", {"team": "a"}, 3, 0,
    )  # fmt: skip
    assert json.loads(made.spec_json) == {"kind": "train"}
    assert [change.status for change in made.transitions] == ["queued"]
    assert (made.queued_ms, made.run_ms, made.eta_seconds, made.fraction) == (None, None, None, 0.0)
    assert made.created_at.tzinfo is not None


def test_another_owners_job_is_not_found(database: Database) -> None:
    job_id = queue_job(database).id
    with database.read() as tx:
        assert jobs.get(tx, job_id, OWNER).id == jobs.get(tx, job_id, None).id
        assert jobs.version_of(tx, job_id, OWNER) == 1
        for owner, wanted in (("owner_b", job_id), (OWNER, "job_0"), (None, "job_0")):
            with pytest.raises(NotFound, match=wanted):
                jobs.get(tx, wanted, owner)
            with pytest.raises(NotFound, match=wanted):
                jobs.version_of(tx, wanted, owner)
    with database.write() as tx, pytest.raises(NotFound):
        endings.request(tx, "cancel", job_id, "owner_b")


def test_small_inline_data_come_back_with_the_job_large_ones_with_its_spec(database: Database) -> None:
    small = {"inline": {"x": [1, 2], "y": ["é", None]}, "test_fraction": 0.5}
    large = {"inline": {"x": list(range(30000)), "y": [0.1] * 30000}}
    for data in (small, large):
        spec = {"kind": "train", "data": data, "seed": 3}
        made = queue_job(database, replace(NEW, spec=keep_spec(database, json.dumps(spec))))
        assert ("inline" in json.loads(made.spec_json)["data"]) == (data is small)
        held = claim(database)
        with database.read() as tx:
            assert json.loads(specs.load(tx, held.job_id).spec_json) == spec
    with database.read() as tx:
        assert len(tx.execute(blob_parts.select()).all()) == 1
        for job in list_jobs(tx, JobFilter(owner=OWNER)).jobs:
            assert "inline" not in json.loads(job.spec_json)["data"]


def test_progress_speed_and_timings(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    time.sleep(0.05)  # so that the run is longer than its first step
    speed = Progress(step=40, epoch=2, members=3, steps_per_second=20.0, first_step_seconds=0.03)
    fenced(database, held, lambda fence: endings.record_progress(fence, speed))
    job = get(database, job_id)
    assert (job.step, job.epoch, job.workers_active, job.fraction, job.eta_seconds) == (40, 2, 3, 0.4, 3.0)
    assert job.first_step_ms == pytest.approx(30, abs=2)
    assert job.queued_ms is not None
    assert job.queued_ms >= 0
    later = replace(speed, step=60, first_step_seconds=9.0)
    fenced(database, held, lambda fence: endings.record_progress(fence, later))
    assert get(database, job_id).first_step_ms == job.first_step_ms
    assert get(database, job_id).version == job.version + 1


def test_first_step_is_timed_by_the_database_when_the_worker_does_not_say(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    fenced(database, held, lambda fence: endings.record_progress(fence, Progress(step=0, epoch=0)))
    assert get(database, job_id).first_step_ms is None
    fenced(database, held, lambda fence: endings.record_progress(fence, Progress(step=1, epoch=0)))
    assert get(database, job_id).first_step_ms is not None


def test_endings_are_told(database: Database) -> None:
    job_id, _ = job_in(database, "succeeded")
    job = get(database, job_id)
    assert (job.result, job.status_reason, job.fraction) == (RESULT, "steps_done", 1.0)
    assert job.run_ms is not None
    job_id = queue_job(database).id
    held = claim(database)
    failure = Failure(code="domain_error", message="log(-1) at step 3\0\ud800", param="/model/expression")
    fenced(database, held, lambda fence: endings.fail(fence, failure))
    error = get(database, job_id).error
    assert error is not None
    assert (error.code, error.message, error.param) == (
        "domain_error", "log(-1) at step 3\\0\\ud800", "/model/expression",
    )  # fmt: skip


def test_results_keep_what_is_not_finite(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    result = RESULT | {"loss": float("inf"), "metrics": {"a": float("nan")}}
    fenced(database, held, lambda fence: endings.succeed(fence, result))
    found = get(database, job_id).result
    assert repr(found) == repr(result)


def test_queue_is_counted(database: Database) -> None:
    with database.read() as tx:
        assert queue.queue_counts(tx, None).oldest_queued_seconds is None
    ask(database, "pause", queue_job(database).id)
    for _ in range(5):
        queue_job(database)
    claim(database)
    cancel(database, claim(database, OTHER).job_id)
    ask(database, "pause", claim(database, OTHER).job_id)
    with database.read() as tx:
        counts = queue.queue_counts(tx, None)
    assert {status: n for status, n in counts.jobs.items() if n} == {
        "queued": 2,
        "running": 1,
        "pausing": 1,
        "paused": 1,
        "cancelling": 1,
    }
    assert counts.oldest_queued_seconds is not None


def test_a_job_goes_on_from_its_first_start(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    started_at = get(database, job_id).started_at
    evict(database, held)
    claim(database, OTHER)
    job = get(database, job_id)
    assert (job.started_at, job.attempt) == (started_at, 2)
    assert [change.status for change in job.transitions] == ["queued", "running", "queued", "running"]
    assert job.transitions[2].reason == "worker_lost"
