"""Limits of time of a job's own: what counts, who finds it, and what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from lockstep.service.store import checkpoints, claims, deadlines, endings
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Fenced
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.tables import attempts as attempt_table
from lockstep.service.store.tables import jobs as table
from tests.stored_jobs import NEW, RESULT, claim, evict, evict_expired, fenced, get, queue_job


def limited(database: Database, **limits: float) -> str:
    return queue_job(database, replace(NEW, **limits)).id  # type: ignore[arg-type]  # limits are fields of it


def expire(database: Database) -> list[str]:
    with database.write() as tx:
        return deadlines.expire(tx)


def earlier(database: Database, column: str, seconds: float) -> None:
    """A time of the jobs lies so much further back."""
    with database.write() as tx:
        tx.execute(table.update().values({column: table.c[column] - seconds}))


def run_seconds(database: Database, job_id: str) -> float:
    with database.read() as tx:
        return float(tx.execute(select(table.c.run_seconds).where(table.c.id == job_id)).scalar_one())


def test_a_job_that_nobody_begins_in_time_fails(database: Database) -> None:
    job_id = limited(database, max_queue_seconds=10.0)
    without = queue_job(database).id
    earlier(database, "created_at", 9.0)
    assert expire(database) == []
    earlier(database, "created_at", 1.5)

    assert expire(database) == [job_id]

    job = get(database, job_id)
    assert (job.status, job.status_reason) == ("failed", "deadline_exceeded")
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("deadline_exceeded", "max_queue_seconds")
    assert expire(database) == []
    assert get(database, without).status == "queued"


def test_the_wait_for_a_worker_ends_with_the_first(database: Database) -> None:
    limited(database, max_queue_seconds=10.0)
    fenced(database, claim(database), endings.release)
    earlier(database, "created_at", 100.0)

    assert expire(database) == []


def test_a_job_that_is_worked_at_for_too_long_fails_and_its_holder_is_fenced(database: Database) -> None:
    job_id = limited(database, max_run_seconds=10.0)
    held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 7, b"state"))
    earlier(database, "claimed_at", 9.0)
    assert expire(database) == []
    earlier(database, "claimed_at", 1.5)

    assert expire(database) == [job_id]

    job = get(database, job_id)
    assert (job.status, job.attempt, job.workers_active) == ("failed", 2, 0)
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("deadline_exceeded", "max_run_seconds")
    with database.write() as tx, pytest.raises(Fenced):
        claims.renew(tx, held)
    with pytest.raises(Fenced):
        fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    with database.read() as tx:
        assert [each.step for each in checkpoints.list_checkpoints(tx, job_id)] == [7]
        assert [row.outcome for row in tx.execute(select(attempt_table.c.outcome))] == ["failed"]


def test_all_attempts_count_together_and_nothing_between_them(database: Database) -> None:
    job_id = limited(database, max_run_seconds=10.0)

    def end(held: JobClaim, number: int) -> None:
        if number == 0:
            evict(database, held)
        else:
            fenced(database, held, endings.release)

    for number in range(3):
        held = claim(database)
        earlier(database, "claimed_at", 3.0)
        end(held, number)
        earlier(database, "created_at", 1000.0)
    assert run_seconds(database, job_id) == pytest.approx(9.0, abs=1.0)
    assert expire(database) == []
    claim(database)
    earlier(database, "claimed_at", 1.5)

    assert expire(database) == [job_id]


def test_what_passes_after_a_lease_is_no_work(database: Database) -> None:
    """A service that was down for a day comes back to claims of the day before."""
    job_id = limited(database, max_run_seconds=100.0)
    claim(database, lease_seconds=60.0)
    for column in ("claimed_at", "lease_expires_at"):
        earlier(database, column, 86_400.0)
    assert expire(database) == []
    assert evict_expired(database) == [job_id]

    assert run_seconds(database, job_id) == pytest.approx(60.0, abs=1.0)
    assert expire(database) == []


def test_what_ended_past_its_limit_is_not_begun_again(database: Database) -> None:
    job_id = limited(database, max_run_seconds=10.0)
    held = claim(database)
    earlier(database, "claimed_at", 11.0)
    evict(database, held)

    assert expire(database) == [job_id]
    assert get(database, job_id).status == "failed"


@pytest.mark.parametrize("ending", ["succeed", "fail", "release", "evict"])
def test_every_ending_of_a_claim_adds_its_time(database: Database, ending: str) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    earlier(database, "claimed_at", 5.0)
    match ending:
        case "succeed":
            fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
        case "fail":
            failure = endings.Failure(code="diverged", message="too steep")
            fenced(database, held, lambda fence: endings.fail(fence, failure))
        case "release":
            fenced(database, held, endings.release)
        case _:
            evict(database, held)

    assert run_seconds(database, job_id) == pytest.approx(5.0, abs=1.0)
