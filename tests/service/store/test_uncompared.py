"""Jobs that verify others where no worker can compare."""

from dataclasses import replace

from sqlalchemy import update

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.parts import SHOWN_DIGITS
from lockstep.service.store import events, fingerprints, leases, uncompared, workers
from lockstep.service.store.database import Database
from lockstep.service.store.jobs import Job
from lockstep.service.store.new_job import Verification
from lockstep.service.store.tables import jobs as table
from lockstep.service.store.workers import WorkerState
from tests.stored_jobs import NEW, STRANGER, WORKER, claim, get, queue_job

TO_VERIFY = replace(
    NEW,
    verification=Verification(
        verifies="job_0", expected_sha256="0" * 64, fingerprint=WORKER.fingerprint, chaos=False
    ),
)


def come(database: Database, fingerprint: str) -> None:
    state = WorkerState(
        worker_id=f"worker_{fingerprint[:3]}",
        host="here",
        pid=1,
        state="idle",
        job_id=None,
        fingerprint=fingerprint,
    )
    with database.write() as tx:
        workers.heartbeat(tx, state)


def settle(database: Database) -> list[str]:
    with database.write() as tx:
        return uncompared.settle(tx)


def wait(database: Database, job: Job, seconds: float) -> None:
    """Let so many seconds pass for the job."""
    with database.write() as tx:
        tx.execute(update(table).where(table.c.id == job.id).values(updated_at=table.c.updated_at - seconds))


def told(database: Database, job: Job) -> list[str]:
    with database.read() as tx:
        return [each.type for each in events.list_events(tx, job.id)]


def test_it_says_that_it_waits_and_then_ends(database: Database) -> None:
    job = queue_job(database, TO_VERIFY)
    come(database, STRANGER.fingerprint)

    assert settle(database) == []
    waiting = get(database, job.id)
    assert waiting.status_reason == fingerprints.REASON
    wait(database, job, uncompared.WAITING_SECONDS - 5)
    assert settle(database) == []
    wait(database, job, 10)
    assert settle(database) == [job.id]

    ended = get(database, job.id)
    assert (ended.status, ended.is_terminal) == ("succeeded", True)
    assert ended.result is not None
    why = ended.result["not_comparable"]
    for part in ("job_0", WORKER.fingerprint[:SHOWN_DIGITS], STRANGER.fingerprint[:SHOWN_DIGITS]):
        assert part in why
        assert part in str(waiting.status_message)
    assert (ended.result["weights_sha256"], ended.result["expected_sha256"]) == (None, "0" * 64)
    assert told(database, job) == ["status", "numerics_unavailable", "status", "not_comparable"]
    assert settle(database) == []


def test_a_worker_that_comes_in_time_takes_it(database: Database) -> None:
    job = queue_job(database, TO_VERIFY)
    come(database, STRANGER.fingerprint)
    settle(database)
    come(database, WORKER.fingerprint)
    wait(database, job, 60)

    assert settle(database) == []

    assert get(database, job.id).status_reason == "waiting_for_worker"
    taken = claim(database)
    assert (taken.job_id, taken.verification) == (job.id, TO_VERIFY.verification)


def test_it_waits_as_any_job_while_no_worker_is_there(database: Database) -> None:
    job = queue_job(database, TO_VERIFY)
    wait(database, job, 60)

    assert settle(database) == []
    assert get(database, job.id).status_reason == "waiting_for_worker"


def test_no_other_worker_takes_it_or_speaks_for_it(database: Database) -> None:
    job = queue_job(database, TO_VERIFY)
    come(database, STRANGER.fingerprint)

    with database.write() as tx:
        assert leases.claim_next(tx, STRANGER, 60.0) is None

    assert (
        get(database, job.id).status_reason == "waiting_for_worker"
    )  # the reconciler says it, who names both


def test_a_worker_of_another_fingerprint_ends_nothing_of_other_jobs(database: Database) -> None:
    job = queue_job(database)
    come(database, STRANGER.fingerprint)
    wait(database, job, 60)

    assert settle(database) == []
    assert get(database, job.id).status == "queued"


def test_one_that_waited_through_a_change_of_the_rules_ends(database: Database) -> None:
    job = queue_job(database, TO_VERIFY)
    with database.write() as tx:
        tx.execute(update(table).where(table.c.id == job.id).values(arithmetic=ARITHMETIC - 1))

    assert settle(database) == [job.id]

    result = get(database, job.id).result
    assert result is not None
    assert f"arithmetic {ARITHMETIC - 1}" in result["not_comparable"]
