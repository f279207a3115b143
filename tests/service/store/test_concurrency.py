"""Many at once, on both databases: threads, and processes of their own."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import pytest

from lockstep.service.store import claims, endings, evictions, idempotency, jobs, leases, rings
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Fenced, Refused
from lockstep.service.store.idempotency import IdempotencyKey
from tests.stored_jobs import NEW, OVER_SECONDS, RESULT, ask, cancel, claim, fenced, get, queue_job

THREADS = 8


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run all at the same moment; their results or the errors that they raised."""
    barrier = threading.Barrier(len(works), timeout=20)

    def run(work: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return work()
        except (Fenced, Refused) as error:
            return type(error)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def claim_all(database: Database, name: str) -> list[str]:
    """JobClaim until nothing is left, ending every third job."""
    worker = WorkerIdentity(worker_id=name, pid=1, host="here", fingerprint="f")
    claimed: list[str] = []
    while True:
        with database.write() as tx:
            found = leases.claim_next(tx, worker, 60)
        if found is None:
            return claimed
        claimed.append(found.job_id)
        if len(claimed) % 3 == 0:
            fenced(database, found, lambda fence: endings.succeed(fence, RESULT))


def claim_all_in_process(url: str, name: str) -> list[str]:
    database = Database(url)
    try:
        return claim_all(database, name)
    finally:
        database.dispose()


def test_threads_claim_each_job_once(database: Database) -> None:
    with database.write() as tx:
        made = [jobs.create(tx, NEW).id for _ in range(200)]
    claimed = at_once(*[partial(claim_all, database, f"worker_{n}") for n in range(THREADS)])
    counts = Counter(job_id for each in claimed if isinstance(each, list) for job_id in each)
    assert counts == Counter(made)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_processes_claim_each_job_once(database: Database, database_url: str) -> None:
    """For SQLite's locks between processes; to PostgreSQL a thread's connection is like any other."""
    with database.write() as tx:
        made = [jobs.create(tx, NEW).id for _ in range(60)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        each = pool.map(claim_all_in_process, [database_url] * 2, ["worker_0", "worker_1"])
        counts = Counter(job_id for claimed in each for job_id in claimed)
    assert counts == Counter(made)


def test_renewal_and_eviction_of_an_expired_lease_exclude_each_other(database: Database) -> None:
    def evict() -> list[str]:
        with database.write() as tx:
            return evictions.evict_expired(tx)

    def renew(held: leases.JobClaim) -> claims.Renewal:
        with database.write() as tx:
            return claims.renew(tx, held)

    for _ in range(15):
        job_id = queue_job(database).id
        held = claim(database, lease_seconds=OVER_SECONDS)
        long = replace(held, lease_seconds=60.0)
        renewed, *evicted = at_once(partial(renew, long), evict, evict)
        taken = [found for found in evicted if found]
        if renewed is Fenced:
            assert taken == [[job_id]]
            assert get(database, job_id).attempt == 2
            held = claim(database)
        else:
            assert taken == []
            assert get(database, job_id).attempt == 1
        fenced(database, held, lambda fence: endings.succeed(fence, RESULT))


def test_success_and_cancelling_exclude_each_other(database: Database) -> None:
    for _ in range(15):
        job_id = queue_job(database).id
        held = claim(database)
        ended, _ = at_once(
            partial(fenced, database, held, lambda fence: endings.succeed(fence, RESULT)),
            partial(cancel, database, job_id),
        )
        assert get(database, job_id).status == ("cancelling" if ended is Refused else "succeeded")
        if ended is Refused:
            fenced(database, held, endings.finish_cancel)


def test_an_end_a_pause_and_a_cancel_at_once_come_to_one_end(database: Database) -> None:
    for _ in range(15):
        job_id = queue_job(database).id
        held = claim(database)
        ended, paused, _ = at_once(
            partial(fenced, database, held, lambda fence: endings.succeed(fence, RESULT)),
            partial(ask, database, "pause", job_id),
            partial(cancel, database, job_id),
        )
        statuses = [change.status for change in get(database, job_id).transitions[2:]]
        assert statuses == [
            *(["pausing"] if paused is not Refused else []),
            "cancelling" if ended is Refused else "succeeded",
        ]
        if ended is Refused:
            fenced(database, held, endings.leave)
            assert get(database, job_id).status == "cancelled"


def test_claiming_and_pausing_exclude_each_other(database: Database) -> None:
    for _ in range(15):
        job_id = queue_job(database).id
        held, _ = at_once(partial(try_claim, database), partial(ask, database, "pause", job_id))
        assert get(database, job_id).status == ("paused" if held is None else "pausing")
        if isinstance(held, leases.JobClaim):
            fenced(database, held, endings.leave)
        assert get(database, job_id).status == "paused"


def test_a_pause_that_is_taken_back_while_its_holder_leaves_is_one_or_the_other(database: Database) -> None:
    for _ in range(15):
        job_id = queue_job(database).id
        held = claim(database)
        ask(database, "pause", job_id)
        left, resumed = at_once(
            partial(fenced, database, held, endings.leave), partial(ask, database, "resume", job_id)
        )
        assert resumed is not Refused
        job = get(database, job_id)
        assert (job.status, job.attempt) == (("running", 1) if left is Refused else ("queued", 2))
        if left is Refused:
            fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
        else:
            cancel(database, job_id)


def try_claim(database: Database) -> leases.JobClaim | None:
    with database.write() as tx:
        return leases.claim_next(tx, WorkerIdentity(worker_id="w", pid=1, host="h", fingerprint="f"), 60)


def test_claiming_and_cancelling_exclude_each_other(database: Database) -> None:
    for _ in range(15):
        job_id = queue_job(database).id
        held, _ = at_once(partial(try_claim, database), partial(cancel, database, job_id))
        status = get(database, job_id).status
        assert status == ("cancelled" if held is None else "cancelling")
        if isinstance(held, leases.JobClaim):
            fenced(database, held, endings.finish_cancel)


@pytest.mark.parametrize("round_", range(2))
def test_one_idempotency_key_makes_one_job_however_many_ask(database: Database, round_: int) -> None:
    key = IdempotencyKey(key=f"round {round_}", body_sha256="b")

    def post() -> idempotency.Created:
        with database.write() as tx:
            return idempotency.create_once(tx, NEW, key)

    created = [each for each in at_once(*[post] * THREADS) if isinstance(each, idempotency.Created)]
    assert len(created) == THREADS
    assert len({each.job.id for each in created}) == 1
    assert sum(not each.replayed for each in created) == 1


def test_reconcilers_at_once_do_no_harm(database: Database) -> None:
    made = [queue_job(database).id for _ in range(10)]
    for _ in made:
        claim(database, lease_seconds=OVER_SECONDS)

    def tick() -> list[str]:
        with database.write() as tx:
            evicted = evictions.evict_expired(tx)
            rings.rung(tx, rings.due_rings(tx, 100))
            return evicted

    evicted = [job_id for each in at_once(*[tick] * 4) if isinstance(each, list) for job_id in each]
    with database.write() as tx:
        evicted += evictions.evict_expired(tx)
    assert sorted(evicted) == made
    assert {get(database, job_id).attempt for job_id in made} == {2}
