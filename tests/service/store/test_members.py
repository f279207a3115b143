"""Who has worked at a job: written with its progress, closed with its attempt."""

from dataclasses import replace
from functools import partial

import pytest

from lockstep.service.store import endings, members
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from lockstep.service.store.errors import Fenced
from lockstep.service.store.leases import JobFence
from lockstep.service.store.members import Stay
from tests.stored_jobs import RESULT, WORKER, ask, claim, evict, fenced, get, queue_job

LEAD = Stay(
    attempt=1,
    number=0,
    rank=0,
    worker_id="worker_a",
    host="here",
    role="lead",
    transport="none",
    generation=3,
    joined_step=0,
    shards=4,
    compute_seconds=1.5,
    exchange_seconds=0.25,
    waiting_seconds=0.125,
)
HELPER = replace(LEAD, number=1, rank=1, worker_id="worker_b", host="there", role="helper", transport="tcp")


def found(database: Database, job_id: str, after: tuple[int, int] = (0, 0), limit: int = 100) -> list[Stay]:
    with database.read() as tx:
        return members.list_members(tx, job_id, after, limit)


def test_members_are_added_and_follow_their_figures(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    fenced(database, held, lambda fence: members.save(fence, [LEAD]))

    grown = replace(LEAD, generation=4, shards=2, compute_seconds=2.5)
    gone = replace(HELPER, left="died", left_step=12)
    fenced(database, held, lambda fence: members.save(fence, [grown, gone]))
    fenced(database, held, lambda fence: members.save(fence, []))

    assert found(database, job_id) == [grown, gone]
    assert found(database, job_id, limit=1) == [grown]
    assert found(database, job_id, after=(1, 0)) == [gone]


def test_who_lost_the_claim_writes_no_members(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    evict(database, held)

    with pytest.raises(Fenced):
        fenced(database, held, lambda fence: members.save(fence, [LEAD]))
    assert found(database, job_id) == []


@pytest.mark.parametrize(
    ("ending", "lead", "helper"),
    [
        ("succeed", "released", "released"),
        ("cancel", "released", "released"),
        ("pause", "released", "released"),
        ("release", "drained", "released"),
        ("evict", "died", "cut"),
    ],
)
def test_the_end_of_an_attempt_is_its_members(
    database: Database, ending: str, lead: str, helper: str
) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    late = replace(HELPER, number=2, worker_id="worker_c", left="late", left_step=3)

    def work(fence: JobFence) -> None:
        members.save(fence, [LEAD, HELPER, late])
        endings.record_progress(fence, Progress(step=7, epoch=1, members=2, most=3))

    fenced(database, held, work)
    if ending == "evict":
        evict(database, held)
    elif ending == "release":
        fenced(database, held, endings.release)
    elif ending == "succeed":
        fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    else:
        ask(database, ending, job_id)
        fenced(database, held, endings.leave)

    assert [(stay.left, stay.left_step) for stay in found(database, job_id)] == [
        (lead, 7),
        (helper, 7),
        ("late", 3),
    ]


def test_each_attempt_has_its_own_members(database: Database) -> None:
    job_id = queue_job(database).id
    first = claim(database)
    fenced(database, first, lambda fence: members.save(fence, [LEAD]))
    fenced(database, first, endings.release)
    second = claim(database)
    fenced(database, second, lambda fence: members.save(fence, [replace(LEAD, attempt=2)]))

    assert [(stay.attempt, stay.left) for stay in found(database, job_id)] == [(1, "drained"), (2, None)]
    assert second.worker == WORKER


def test_the_most_members_at_once_are_kept(database: Database) -> None:
    job_id = queue_job(database).id
    assert get(database, job_id).workers_most == 0
    held = claim(database)
    assert get(database, job_id).workers_most == 1

    for now, most, advised in ((3, 3, None), (2, 3, 2), (1, 3, None)):
        progress = Progress(step=7, epoch=1, members=now, most=most, advised=advised)
        fenced(database, held, partial(endings.record_progress, progress=progress))
    fenced(database, held, endings.release)
    again = claim(database)
    fenced(database, again, lambda fence: endings.record_progress(fence, Progress(step=8, epoch=1)))

    job = get(database, job_id)
    assert (job.workers_active, job.workers_most, job.workers_advised) == (1, 3, 2)
