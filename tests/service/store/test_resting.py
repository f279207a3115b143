"""Hosts on which attempts die in a row rest, and jobs that are lost again wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from lockstep.service.store import endings, evictions, leases, queue, resting, workers
from lockstep.service.store.database import Database, now
from lockstep.service.store.tables import hosts, jobs
from lockstep.service.store.workers import WorkerState
from tests.stored_jobs import OTHER, WORKER, claim, evict, fenced, queue_job

NEIGHBOUR = replace(WORKER, worker_id="worker_n", pid=104)
"""On the same host."""


def lose(database: Database, count: int, rest_seconds: float = 60.0) -> None:
    """New jobs die on the host of WORKER, one after the other."""
    for _ in range(count):
        queue_job(database)
        held = claim(database)
        with database.write() as tx:
            evictions.evict_process(tx, held.worker.worker_id, held.worker.pid, rest_seconds)
            tx.execute(jobs.delete())


def rests_for(database: Database, host: str = WORKER.host) -> float:
    """Seconds; 0 for not at all."""
    with database.read() as tx:
        return round(resting.resting(tx).get(host, now(tx)) - now(tx))


def rest_is_over(database: Database) -> None:
    with database.write() as tx:
        tx.execute(hosts.update().values(resting_until_at=1.0))


def test_a_host_rests_after_three_different_jobs_and_longer_each_time(database: Database) -> None:
    lose(database, 2)
    assert rests_for(database) == 0
    lose(database, 1)
    assert rests_for(database) == 60
    for seconds in (120, 240, 480, 600, 600):
        rest_is_over(database)
        lose(database, 1)
        assert rests_for(database) == seconds


def test_nobody_on_a_host_that_rests_takes_a_job(database: Database) -> None:
    lose(database, 3)
    job_id = queue_job(database).id
    for worker in (WORKER, NEIGHBOUR):
        with database.write() as tx:
            assert leases.claim_next(tx, worker, 60) is None
    assert claim(database, OTHER).job_id == job_id


def test_one_job_that_kills_its_workers_lets_no_host_rest(database: Database) -> None:
    queue_job(database)
    for _ in range(3):
        evict(database, claim(database))

    assert rests_for(database) == 0


@pytest.mark.parametrize("deaths", [2, 3])
def test_any_other_ending_there_says_that_the_host_is_well(database: Database, deaths: int) -> None:
    queue_job(database)
    held = claim(database)
    with database.write() as tx:
        resting.note_lost(tx, [(WORKER.host, f"job_{number}") for number in range(deaths)])
    fenced(database, held, endings.release)
    with database.write() as tx:
        tx.execute(jobs.delete())

    assert rests_for(database) == 0
    lose(database, 2)
    assert rests_for(database) == 0
    with database.read() as tx:
        assert tx.execute(select(hosts.c.rests)).scalars().all() == [0]


def test_deaths_of_attempts_that_began_before_the_rest_do_not_make_it_longer(database: Database) -> None:
    with database.write() as tx:
        resting.note_lost(tx, [(WORKER.host, f"job_{number}") for number in range(8)])

    assert rests_for(database) == 60


def test_hosts_need_not_rest(database: Database) -> None:
    lose(database, 5, rest_seconds=0.0)
    assert rests_for(database) == 0


def test_a_damaged_row_is_no_hindrance(database: Database) -> None:
    lose(database, 1)
    with database.write() as tx:
        tx.execute(hosts.update().values(lost_jobs_json="{"))
    lose(database, 3)
    assert rests_for(database) == 60


def test_an_idle_worker_of_a_host_that_rests_is_not_counted_on(database: Database) -> None:
    queue_job(database)
    with database.write() as tx:
        state = WorkerState(
            worker_id=NEIGHBOUR.worker_id, host=NEIGHBOUR.host, pid=1, state="idle", job_id=None,
            fingerprint=NEIGHBOUR.fingerprint,
        )  # fmt: skip
        workers.heartbeat(tx, state)
        assert queue.jobs_waiting(tx, NEIGHBOUR.fingerprint) == 0
        resting.note_lost(tx, [(NEIGHBOUR.host, f"job_{number}") for number in range(3)])
        assert queue.jobs_waiting(tx, NEIGHBOUR.fingerprint) == 1
        (told,) = workers.list_workers(tx)
    assert told.resting_until is not None


def test_a_job_that_is_lost_again_waits_before_anybody_takes_it(database: Database) -> None:
    queue_job(database)
    held: leases.JobClaim | None = claim(database)
    for seconds in (0, 2):
        assert held is not None
        with database.write() as tx:
            evictions.evict_process(tx, held.worker.worker_id, held.worker.pid)
            row = tx.execute(select(jobs.c.not_before_at, jobs.c.ring_due_at)).one()
            assert round(row.not_before_at - now(tx)) == seconds
            assert row.ring_due_at == pytest.approx(row.not_before_at, abs=0.01)
        with database.write() as tx:
            held = leases.claim_next(tx, WORKER, 60)
    assert held is None
