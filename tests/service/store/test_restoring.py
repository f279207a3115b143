"""A database that was restored in mid-run: nothing from before the restore is written into it."""

from collections.abc import Callable

import pytest

from lockstep.service.store import checkpoints, claims, endings, leases, restoring
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Fenced
from lockstep.service.store.leases import JobFence
from tests.stored_jobs import OTHER, OVER_SECONDS, RESULT, claim, evict_expired, fenced, get, queue_job

ACTS: list[Callable[[JobFence], object]] = [
    lambda fence: endings.succeed(fence, RESULT),
    lambda fence: checkpoints.save(fence, 5, b"state"),
    endings.release,
]


def restored(database: Database) -> int:
    with database.write() as tx:
        return restoring.disown(tx)


def is_fenced(database: Database, zombie: leases.JobClaim) -> bool:
    for act in ACTS:
        with pytest.raises(Fenced):
            fenced(database, zombie, act)
    with database.write() as tx, pytest.raises(Fenced):
        claims.renew(tx, zombie)
    return True


def test_a_claim_that_the_copy_knows_is_over(database: Database) -> None:
    job_id = queue_job(database).id
    zombie = claim(database)

    assert restored(database) == 1

    job = get(database, job_id)
    assert (job.status, job.status_reason) == ("queued", "worker_lost")
    assert "restored from a copy" in (job.status_message or "")
    assert is_fenced(database, zombie)
    successor = claim(database, OTHER)
    assert is_fenced(database, zombie)
    fenced(database, successor, lambda fence: endings.succeed(fence, RESULT))


def test_attempts_that_the_copy_does_not_know_never_come_again(database: Database) -> None:
    """The copy is of before the first claim. Zombies of three later attempts live on."""
    job_id = queue_job(database).id
    zombies = []
    for _ in range(3):
        zombies.append(claim(database, lease_seconds=OVER_SECONDS))
        with database.write() as tx:
            tx.exec_driver_sql("UPDATE jobs SET evictions = 0")
        evict_expired(database)
    with database.write() as tx:  # as in the copy
        tx.exec_driver_sql("DELETE FROM attempts")
        tx.exec_driver_sql("UPDATE jobs SET attempt = 1")

    assert restored(database) == 1

    for _ in range(3):
        claim(database, OTHER, lease_seconds=OVER_SECONDS)
        assert all(is_fenced(database, zombie) for zombie in zombies)
        with database.write() as tx:
            tx.exec_driver_sql("UPDATE jobs SET evictions = 0")
        evict_expired(database)
    assert get(database, job_id).status == "queued"


def test_what_is_over_stays_and_what_waits_goes_on(database: Database) -> None:
    over = queue_job(database).id
    fenced(database, claim(database), lambda fence: endings.succeed(fence, RESULT))
    before = get(database, over)
    waiting = [queue_job(database).id for _ in range(restoring.MAX_AT_ONCE + 1)]

    assert restored(database) == len(waiting)

    assert get(database, over) == before
    assert get(database, waiting[-1]).status == "queued"
