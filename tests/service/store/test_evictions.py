"""Evictions: who loses a claim, and that whoever lost it writes nothing."""

import threading
from collections.abc import Callable

import pytest

from lockstep.service.store import checkpoints, claims, endings, evictions, leases, seats
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Fenced
from tests.stored_jobs import (
    OTHER,
    OVER_SECONDS,
    RESULT,
    WORKER,
    claim,
    evict,
    evict_expired,
    fenced,
    get,
    queue_job,
)


def test_an_expired_lease_is_evicted_once_and_its_holder_fenced(database: Database) -> None:
    job_id = queue_job(database).id
    zombie = claim(database, lease_seconds=OVER_SECONDS)
    fenced(database, zombie, lambda fence: seats.publish_address(fence, "10.0.0.1", 7000, b"secret"))
    assert evict_expired(database) == [job_id]
    assert evict_expired(database) == []
    successor = claim(database, OTHER)
    assert successor.attempt == 2
    acts: list[Callable[[leases.JobFence], object]] = [
        lambda fence: endings.succeed(fence, RESULT),
        lambda fence: checkpoints.save(fence, 5, b"state"),
        endings.release,
    ]
    before = get(database, job_id)
    for act in acts:
        with pytest.raises(Fenced, match="attempt 1"):
            fenced(database, zombie, act)
    with database.write() as tx, pytest.raises(Fenced):
        claims.renew(tx, zombie)
    assert get(database, job_id) == before
    fenced(database, successor, lambda fence: endings.succeed(fence, RESULT))


def test_a_dead_process_loses_its_own_claims_only(database: Database) -> None:
    mine, others = queue_job(database).id, queue_job(database).id
    claim(database)
    claim(database, OTHER)
    with database.write() as tx:
        assert evictions.evict_process(tx, WORKER.worker_id, 999) == []
        assert evictions.holders(tx) == [("worker_a", 101), ("worker_b", 102)]
        assert evictions.evict_process(tx, WORKER.worker_id, WORKER.pid) == [mine]
        assert evictions.evict_process(tx, OTHER.worker_id, None) == [others]


def test_three_evictions_without_a_later_checkpoint_end_a_job(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 0, b"start"))
    for _ in range(2):
        evict(database, held)
        held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 10, b"later"))
    for _ in range(2):
        evict(database, held)
        held = claim(database)
        assert held.checkpoint_step == 10
        # The same checkpoint once more is no progress.
        fenced(database, held, lambda fence: checkpoints.save(fence, 10, b"later"))
    assert evict(database, held) == [job_id]
    job = get(database, job_id)
    assert (job.status, job.status_reason, job.attempt) == ("failed", "worker_lost", 6)
    assert job.error is not None
    assert "3 times" in job.error.message


def test_who_writes_while_being_evicted_is_refused_afterwards(database: Database) -> None:
    """The zombie's transaction waits for the evictor's and must then see the new attempt (READ COMMITTED)."""
    job_id = queue_job(database).id
    zombie = claim(database)
    outcome: list[type[Exception]] = []
    begun = threading.Event()

    def write() -> None:
        begun.set()
        try:
            fenced(database, zombie, lambda fence: endings.succeed(fence, RESULT))
        except Fenced:
            outcome.append(Fenced)

    thread = threading.Thread(target=write)
    with database.write() as tx:
        assert evictions.evict_process(tx, zombie.worker.worker_id, None) == [job_id]
        thread.start()
        assert begun.wait(5)
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(20)
    assert outcome == [Fenced]
    assert get(database, job_id).status == "queued"


def test_who_holds_the_fence_is_not_evicted_by_the_clock(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database, lease_seconds=OVER_SECONDS)
    evicted: list[list[str]] = []
    thread = threading.Thread(target=lambda: evicted.append(evict_expired(database)))
    with database.write() as tx:
        fence = claims.lock(tx, held)
        thread.start()
        if tx.dialect.name == "postgresql":
            # A reconciler does not wait for a job that is being written to: others may need it.
            thread.join(20)
            assert evicted == [[]]
        endings.succeed(fence, RESULT)
    thread.join(20)
    assert evicted == [[]]
    assert get(database, job_id).status == "succeeded"
