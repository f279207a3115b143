"""The times of a job agree with one another, whatever became of it."""

import time

import pytest
from sqlalchemy import select

from lockstep.service.store import endings
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from lockstep.service.store.leases import JobFence
from lockstep.service.store.statuses import STATUSES
from lockstep.service.store.tables import jobs
from tests.stored_jobs import claim as claim_job
from tests.stored_jobs import evict, fenced, get, job_in, queue_job


@pytest.mark.parametrize("status", STATUSES)
def test_a_transition_is_at_the_very_time_that_the_job_tells(database: Database, status: str) -> None:
    for _ in range(5):
        job_id, _ = job_in(database, status)
        job = get(database, job_id)
        assert job.transitions[0].at == job.created_at
        assert job.transitions[-1].at == (job.finished_at or job.updated_at)
        if len(job.transitions) > 1 and job.started_at is not None:
            assert job.transitions[1].at == job.started_at
        with database.write() as tx:  # out of the way of the next one
            tx.execute(jobs.delete())


def test_an_eviction_too(database: Database) -> None:
    job_id = queue_job(database).id
    for _ in range(3):
        evict(database, claim_job(database))

    job = get(database, job_id)

    assert job.status == "failed"
    assert job.transitions[-1].at == job.finished_at


@pytest.mark.parametrize("measured", [0.0, 0.5, 1e6])
def test_the_first_step_is_no_longer_than_the_run(database: Database, measured: float) -> None:
    """The worker's measure begins before its claim is written down, so it may be longer than the rest."""
    queue_job(database)
    held = claim_job(database)
    time.sleep(0.002)

    def end(fence: JobFence) -> None:
        endings.record_progress(fence, Progress(step=1, epoch=0, first_step_seconds=measured))
        endings.finish_cancel(fence)

    with database.write() as tx:
        endings.request(tx, "cancel", held.job_id, None)
    fenced(database, held, end)
    job = get(database, held.job_id)

    assert job.first_step_ms is not None
    assert job.run_ms is not None
    assert 0 <= job.first_step_ms <= job.run_ms
    with database.read() as tx:
        assert tx.execute(select(jobs.c.first_step_at)).scalar_one() is not None
