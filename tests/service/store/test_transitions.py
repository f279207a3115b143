"""Each act from each status, against a table that was written by hand; then random walks against it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lockstep.service.store import claims, endings, evictions, jobs, leases
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Failure, Progress
from lockstep.service.store.errors import Fenced, Refused
from lockstep.service.store.jobs import Job
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.statuses import LIVE, STATUSES, TERMINAL
from lockstep.service.store.tables import attempts
from tests.stored_jobs import OTHER, RESULT, WORKER, cancel, evict, fenced, get, job_in, queue_job

Act = Callable[[Database, str, JobClaim], object]

ACTS: dict[str, Act] = {
    "claim": lambda database, _job, _held: _claim_next(database),
    "renew": lambda database, _job, held: _renew(database, held),
    "progress": lambda database, _job, held: fenced(
        database, held, lambda fence: endings.record_progress(fence, Progress(step=7, epoch=1))
    ),
    "succeed": lambda database, _job, held: fenced(
        database, held, lambda fence: endings.succeed(fence, RESULT)
    ),
    "fail": lambda database, _job, held: fenced(
        database, held, lambda fence: endings.fail(fence, Failure(code="diverged", message="too steep"))
    ),
    "finish_cancel": lambda database, _job, held: fenced(database, held, endings.finish_cancel),
    "release": lambda database, _job, held: fenced(database, held, endings.release),
    "cancel": lambda database, job, _held: cancel(database, job),
    "evict": lambda database, _job, held: evict(database, held),
    "evict_expired": lambda database, _job, _held: _evict_expired(database),
}

# What each act makes of a job; acts that are absent change nothing visible.
OUTCOMES: dict[str, dict[str, str]] = {
    "queued": {"claim": "running", "cancel": "cancelled"},
    "running": {
        "progress": "running",
        "succeed": "succeeded",
        "fail": "failed",
        "release": "queued",
        "cancel": "cancelling",
        "evict": "queued",
    },
    "cancelling": {
        "progress": "cancelling",
        "finish_cancel": "cancelled",
        "release": "cancelled",
        "evict": "cancelled",
    },
    "succeeded": {},
    "failed": {},
    "cancelled": {},
}
# Who holds no claim is fenced; who does, may be refused.
REFUSED = {
    "running": {"finish_cancel"},
    "cancelling": {"succeed", "fail"},
}
NEEDS_CLAIM = {"renew", "progress", "succeed", "fail", "finish_cancel", "release"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an act may not break."""

    job: Job
    open_attempts: int
    secrets: int


@pytest.mark.parametrize("status", STATUSES)
def test_each_act_from_status(database: Database, status: str) -> None:
    for act in ACTS:
        job_id, held = job_in(database, status)
        if held is None:
            held = JobClaim(
                job_id=job_id, attempt=1, worker=WORKER, lease_seconds=60,
                spec_sha256="", workers_wanted=1, steps=1, checkpoint_step=None,
            )  # fmt: skip
        _act_and_check(database, act, held)
        _finish(database, job_id)


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_keep_the_rules(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    claims: list[JobClaim] = []
    for _ in range(2):
        queue_job(database)
    while len(claims) < 15:
        if not claims or chance.random() < 0.4:
            worker = chance.choice([WORKER, OTHER])
            with database.write() as tx:
                found = leases.claim_next(tx, worker, 60)
            if found is None:
                queue_job(database)
            else:
                claims.append(found)
        else:
            _act_and_check(database, chance.choice(sorted(set(ACTS) - {"claim"})), chance.choice(claims))


def _act_and_check(database: Database, act: str, held: JobClaim) -> None:
    before = _look(database, held.job_id)
    mine = before.job.status in LIVE and before.job.attempt == held.attempt
    error: type[Exception] | None = None
    if act in NEEDS_CLAIM and not mine:
        error = Fenced
    elif act in REFUSED.get(before.job.status, ()):
        error = Refused
    if error is not None:
        with pytest.raises(error):
            ACTS[act](database, held.job_id, held)
    else:
        ACTS[act](database, held.job_id, held)
    after = _look(database, held.job_id)
    if error is not None or (act == "evict" and not mine and before.job.status not in LIVE):
        assert after == before
        return
    expected = OUTCOMES[before.job.status].get(act, before.job.status)
    evicted = act == "evict" and before.job.status in LIVE
    if evicted and after.job.status == "failed":
        assert after.job.error is not None
        assert after.job.error.code == "worker_lost"
    elif not evicted or mine or after != before:
        assert after.job.status == expected
    _check_rules(before, after)


def _check_rules(before: Seen, after: Seen) -> None:
    old, new = before.job, after.job
    changed = new != old
    assert new.version == old.version + changed
    assert new.attempt - old.attempt in (0, 1)
    assert len(new.transitions) == len(old.transitions) + (new.status != old.status)
    assert new.transitions[-1].status == new.status
    assert (old.status not in TERMINAL) or not changed
    assert (new.finished_at is not None) == (new.status in TERMINAL)
    assert (new.result is not None) == (new.status == "succeeded")
    assert (new.error is not None) == (new.status == "failed")
    assert after.open_attempts == (new.status in LIVE)
    if new.status not in LIVE:
        assert (new.workers_active, after.secrets) == (0, 0)


def _look(database: Database, job_id: str) -> Seen:
    with database.read() as tx:
        rows = tx.execute(attempts.select().where(attempts.c.job_id == job_id)).all()
        return Seen(
            job=jobs.get(tx, job_id, None),
            open_attempts=sum(row.ended_at is None for row in rows),
            secrets=sum(row.secret is not None for row in rows),
        )


def _finish(database: Database, job_id: str) -> None:
    """End the job somehow, so that the next one is the oldest."""
    cancel(database, job_id)
    with database.write() as tx:
        for worker in (WORKER, OTHER):
            evictions.evict_process(tx, worker.worker_id, None)
    assert get(database, job_id).is_terminal


def _claim_next(database: Database) -> None:
    with database.write() as tx:
        leases.claim_next(tx, OTHER, 60)


def _renew(database: Database, held: JobClaim) -> None:
    with database.write() as tx:
        claims.renew(tx, held)


def _evict_expired(database: Database) -> None:
    with database.write() as tx:
        assert evictions.evict_expired(tx) == []


def test_repeated_cancel_changes_nothing(database: Database) -> None:
    job_id, _ = job_in(database, "cancelled")
    before = get(database, job_id)
    assert cancel(database, job_id) == before
