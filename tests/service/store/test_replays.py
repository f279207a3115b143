"""Questions about steps: asked once, claimed with a lease, fenced, given up after three deaths."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import Connection

from lockstep.core.learning.report import Points
from lockstep.service.store import checkpoints, claims, fingerprints, history, replays
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Fenced
from lockstep.service.store.replays import Asked, Replay, ReplayClaim
from lockstep.service.store.tables import replays as table
from tests.stored_jobs import OTHER, OVER_SECONDS, STRANGER, WORKER, claim, fenced, queue_job


@pytest.fixture
def asked(database: Database) -> Asked:
    """A question about a job that WORKER began."""
    job_id = queue_job(database).id
    claim(database)
    return Asked(job_id=job_id, question="gradients", step=3)


def ask(database: Database, asked: Asked) -> Replay:
    with database.write() as tx:
        return replays.ask(tx, asked)


def take(
    database: Database, worker: WorkerIdentity = OTHER, lease_seconds: float = 60.0
) -> ReplayClaim | None:
    with database.write() as tx:
        return replays.claim_next(tx, worker, lease_seconds)


def taken(database: Database, worker: WorkerIdentity = OTHER, lease_seconds: float = 60.0) -> ReplayClaim:
    found = take(database, worker, lease_seconds)
    assert found is not None
    return found


def test_a_question_is_answered_once_and_the_answer_kept(database: Database, asked: Asked) -> None:
    assert ask(database, asked).status == "queued"
    assert ask(database, asked).status == "queued"
    with database.read() as tx:
        assert replays.waiting(tx, OTHER) == 1

    held = taken(database)
    assert (held.asked, held.tries) == (asked, 1)
    assert take(database, WORKER) is None
    with database.write() as tx:
        claims.renew(tx, held)
        replays.finish(claims.lock(tx, held), b"found")

    done = ask(database, asked)
    assert done.status == "done"
    assert done.result_sha256 is not None
    with database.read() as tx:
        assert replays.answer(tx, done.result_sha256) == b"found"
        assert replays.waiting(tx, OTHER) == 0
    assert take(database) is None


def test_questions_differ_by_kind_step_and_sample(database: Database, asked: Asked) -> None:
    others = [
        Asked(job_id=asked.job_id, question="walk", step=3),
        Asked(job_id=asked.job_id, question="walk", step=3, sample=1),
        Asked(job_id=asked.job_id, question="gradients", step=4),
    ]
    for each in (asked, *others):
        ask(database, each)

    assert [taken(database).asked for _ in range(4)] == [asked, *others]


def test_only_a_worker_of_the_jobs_fingerprint_takes_it(database: Database, asked: Asked) -> None:
    ask(database, asked)

    assert take(database, STRANGER) is None
    with database.read() as tx:
        assert replays.waiting(tx, STRANGER) == 0
        assert not fingerprints.has_present_worker(tx, asked.job_id)


def test_after_a_death_another_takes_it_and_the_zombie_writes_nothing(
    database: Database, asked: Asked
) -> None:
    ask(database, asked)
    dead = taken(database, lease_seconds=OVER_SECONDS)
    heir = taken(database, WORKER)

    assert heir.tries == 2
    writes: tuple[Callable[[Connection], object], ...] = (
        lambda tx: replays.finish(claims.lock(tx, dead), b"late"),
        lambda tx: replays.fail(claims.lock(tx, dead), "late"),
        lambda tx: claims.renew(tx, dead),
        lambda tx: replays.release(claims.lock(tx, dead)),
    )
    for write in writes:
        with pytest.raises(Fenced), database.write() as tx:
            write(tx)


def test_three_deaths_are_the_end_until_somebody_asks_anew(database: Database, asked: Asked) -> None:
    ask(database, asked)
    for tries in (1, 2, 3):
        assert taken(database, lease_seconds=OVER_SECONDS).tries == tries

    assert take(database) is None
    failed = ask(database, asked)
    assert failed.status == "failed"
    assert failed.error_message is not None
    assert "3 workers died" in failed.error_message
    with database.write() as tx:
        tx.execute(table.update().values(finished_at=table.c.finished_at - 60))
    assert ask(database, asked).status == "queued"
    assert taken(database).tries == 1


def test_giving_it_back_is_no_try(database: Database, asked: Asked) -> None:
    ask(database, asked)
    for _ in range(5):
        held = taken(database)
        with database.write() as tx:
            replays.release(claims.lock(tx, held))

    assert taken(database).tries == 1


def test_the_nearest_checkpoint_and_a_recorded_value(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 0, b"zero"))
    fenced(database, held, lambda fence: checkpoints.save(fence, 40, b"forty"))
    losses = Points(steps=np.arange(0, 60, 2, dtype=np.int64), values=np.arange(30.0))
    fenced(database, held, lambda fence: history.append(fence, {"loss": losses}))

    with database.read() as tx:
        found = [checkpoints.latest(tx, job_id, step) for step in (0, 39, 40, 99)]
        assert [each and each.data for each in found] == [b"zero", b"zero", b"forty", b"forty"]
        assert [each.step for each in checkpoints.list_checkpoints(tx, job_id)] == [0, 40]
        assert checkpoints.latest(tx, "job_other", 99) is None
        assert [history.at(tx, job_id, "loss", step) for step in (0, 58, 57, 60)] == [0.0, 29.0, None, None]
        assert history.at(tx, job_id, "nothing", 0) is None
