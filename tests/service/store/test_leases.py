"""Claims, renewals, rings, seats."""

import threading
from dataclasses import replace

import pytest

from lockstep.service.parts import CORE_TYPE, FEATURES, TUNABLES
from lockstep.service.store import claims, endings, events, leases, queue, rings, seats, workers
from lockstep.service.store.database import Database
from lockstep.service.store.tables import attempts, jobs
from lockstep.service.store.tables import events as events_table
from lockstep.service.store.workers import WorkerState
from tests.stored_jobs import (
    NEW,
    OTHER,
    OVER_SECONDS,
    RESULT,
    STRANGER,
    WORKER,
    ask,
    claim,
    evict,
    evict_expired,
    fenced,
    get,
    queue_job,
)


def heartbeat(database: Database, worker: claims.WorkerIdentity, state: workers.State = "idle") -> None:
    with database.write() as tx:
        beat = WorkerState(
            worker_id=worker.worker_id, host=worker.host, pid=worker.pid, state=state, job_id=None,
            fingerprint=worker.fingerprint,
        )  # fmt: skip
        workers.heartbeat(tx, beat)


def test_the_oldest_job_is_claimed_first(database: Database) -> None:
    made = [queue_job(database).id for _ in range(3)]
    assert [claim(database, worker).job_id for worker in (WORKER, OTHER, WORKER)] == made
    with database.write() as tx:
        assert leases.claim_next(tx, WORKER, 60) is None


def test_a_job_that_somebody_is_claiming_is_passed_over(database: Database) -> None:
    first, second = queue_job(database).id, queue_job(database).id
    claimed: list[str] = []
    thread = threading.Thread(target=lambda: claimed.append(claim(database, OTHER).job_id))
    with database.write() as tx:
        mine = leases.claim_next(tx, WORKER, 60)
        assert mine is not None
        assert mine.job_id == first
        thread.start()
        if tx.dialect.name == "postgresql":
            thread.join(20)
            assert claimed == [second]
    thread.join(20)
    assert claimed == [second]


def test_a_claim_says_what_the_attempt_needs(database: Database) -> None:
    made = queue_job(database, replace(NEW, workers=2))
    held = claim(database)
    assert (held.job_id, held.attempt, held.worker, held.workers_wanted) == (made.id, 1, WORKER, 2)
    assert (held.spec_sha256, held.steps, held.checkpoint_step) == (made.spec_sha256, 100, None)


@pytest.mark.parametrize("act", ["cancel", "pause"])
def test_renewal_keeps_a_lease_and_tells_what_the_user_asks(database: Database, act: str) -> None:
    job_id = queue_job(database).id
    held = claim(database, lease_seconds=OVER_SECONDS)
    with database.write() as tx:
        assert claims.renew(tx, replace(held, lease_seconds=60)) == claims.Renewal(asked=None, jobs_waiting=0)
    assert evict_expired(database) == []
    ask(database, act, job_id)
    with database.write() as tx:
        assert claims.renew(tx, held).asked == act


def test_waiting_jobs_are_those_that_idle_workers_leave(database: Database) -> None:
    queue_job(database)
    held = claim(database)
    for _ in range(3):
        queue_job(database)
    heartbeat(database, WORKER, "leading")
    heartbeat(database, OTHER, "idle")
    heartbeat(database, STRANGER, "idle")
    with database.write() as tx:
        assert claims.renew(tx, held).jobs_waiting == 2
        assert queue.jobs_waiting(tx, STRANGER.fingerprint) == 2


def test_draining_is_no_failure(database: Database) -> None:
    job_id = queue_job(database).id
    for attempt in range(1, 6):
        held = claim(database)
        assert held.attempt == attempt
        fenced(database, held, endings.release)
    assert (get(database, job_id).status, get(database, job_id).status_reason) == ("queued", "worker_drained")


@pytest.mark.parametrize("ending", ["evict", "release", "succeed", "cancel", "pause"])
def test_the_groups_secret_does_not_outlive_the_attempt(database: Database, ending: str) -> None:
    queue_job(database, replace(NEW, workers=2))
    held = claim(database)
    fenced(database, held, lambda fence: seats.publish_address(fence, "10.0.0.1", 7000, b"secret"))
    if ending == "evict":
        evict(database, held)
    elif ending == "release":
        fenced(database, held, endings.release)
    elif ending == "succeed":
        fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    else:
        ask(database, ending, held.job_id)
        fenced(database, held, endings.leave)
    with database.read() as tx:
        row = tx.execute(attempts.select()).one()
        assert row.secret is None
        assert row.outcome == {
            "evict": "evicted",
            "release": "released",
            "succeed": "succeeded",
            "cancel": "cancelled",
            "pause": "released",
        }.get(ending)
        assert seats.find_seat(tx, OTHER) is None


def test_jobs_of_a_fingerprint_that_nobody_has_wait_and_say_why(database: Database) -> None:
    job_id = queue_job(database).id
    fenced(database, claim(database), endings.release)

    def claim_as(worker: claims.WorkerIdentity) -> leases.JobClaim | None:
        heartbeat(database, worker)
        with database.write() as tx:
            return leases.claim_next(tx, worker, 60)

    version = get(database, job_id).version
    for _ in range(2):
        assert claim_as(STRANGER) is None
    job = get(database, job_id)
    assert (job.status, job.status_reason, job.version) == ("queued", "numerics_unavailable", version + 1)
    heartbeat(database, OTHER)
    assert claim_as(STRANGER) is None
    assert get(database, job_id).status_reason == "waiting_for_worker"
    assert claim_as(OTHER) is not None


PARTS = {"blas": "b" * 64, "numpy": "a" * 64, "c_library": "c" * 64}
OTHERS = dict.fromkeys(PARTS, "0" * 64)


@pytest.mark.parametrize(
    ("noted", "there", "said", "unsaid"),
    [
        (
            PARTS,
            PARTS | {"numpy": "d" * 64},
            ["NumPy (aaaaaaaaaaaaa", "ddddddddddddd", FEATURES],
            [CORE_TYPE, TUNABLES],
        ),
        (
            PARTS,
            PARTS | {"blas": "d" * 64, "c_library": "e" * 64},
            ["BLAS (", CORE_TYPE, TUNABLES],
            ["NumPy (", FEATURES],
        ),
        (PARTS, OTHERS, ["BLAS (", "NumPy (", "C library (", CORE_TYPE, FEATURES, TUNABLES], []),
        (PARTS, PARTS, ["alike", "version of Lockstep"], [CORE_TYPE, FEATURES, TUNABLES]),
        ({}, PARTS, [CORE_TYPE, FEATURES, TUNABLES, "doctor --numerics"], ["("]),
        (PARTS, {}, [CORE_TYPE, FEATURES, TUNABLES, "doctor --numerics"], ["("]),
    ],
    ids=["one", "two", "all", "none", "of a version before", "of a worker before"],
)
def test_a_job_that_nobody_can_take_says_in_which_part_they_differ(
    database: Database, noted: dict[str, str], there: dict[str, str], said: list[str], unsaid: list[str]
) -> None:
    job_id = queue_job(database).id
    fenced(database, claim(database, replace(WORKER, parts=noted)), endings.release)
    heartbeat(database, STRANGER)
    with database.write() as tx:
        assert leases.claim_next(tx, replace(STRANGER, parts=there), 60) is None

    message = get(database, job_id).status_message or ""
    with database.read() as tx:
        told = [event.message for event in events.list_events(tx, job_id) if event.level == "warning"]
    assert told == [message]
    assert [words for words in said if words not in message] == []
    assert [words for words in unsaid if words in message] == []


def test_a_damaged_note_of_the_parts_is_passed_over(database: Database) -> None:
    job_id = queue_job(database).id
    fenced(database, claim(database, replace(WORKER, parts=PARTS)), endings.release)
    for text in ("{", "[]", '{"numerics": 3}'):
        with database.write() as tx:
            tx.execute(
                events_table.insert().values(
                    job_id=job_id, at=1.0, level="info", type="status", message="", data_json=text
                )
            )
    with database.read() as tx:
        assert events.numerics(tx, job_id) == PARTS


def test_bells_ring_for_waiting_jobs_less_and_less_often(database: Database) -> None:
    job_id = queue_job(database).id

    def due() -> list[str]:
        with database.write() as tx:
            found = rings.due_rings(tx, 10)
            rings.rung(tx, found)
            return found

    def time_passes(seconds: float) -> None:
        with database.write() as tx:
            tx.execute(jobs.update().values(ring_due_at=jobs.c.ring_due_at - seconds))

    assert due() == []
    time_passes(2.5)
    assert due() == [job_id]
    for pause in (30, 60, 90):
        time_passes(pause - 15)
        assert due() == []
        time_passes(15)
        assert due() == [job_id]
    for _ in range(30):
        time_passes(600)
        assert due() == [job_id]
    evict(database, claim(database))
    assert due() == [job_id]
    claim(database)
    time_passes(10000)
    assert due() == []
