"""Whose turn it is: the order in which jobs are taken, and when a lead gives its claim back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lockstep.service.store import claims, endings, jobs, leases, waiting, workers
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.tables import jobs as table
from lockstep.service.store.workers import WorkerState
from tests.stored_jobs import NEW, OTHER, RESULT, STRANGER, WORKER, claim, fenced, get

TURN_SECONDS = 60.0


def queue_jobs(database: Database, owner: str, count: int = 1, priority: int = 0) -> list[str]:
    new = replace(NEW, owner_id=owner, priority=priority)
    with database.write() as tx:
        return [jobs.create(tx, new).id for _ in range(count)]


def take(database: Database, worker: WorkerIdentity = WORKER) -> JobClaim | None:
    with database.write() as tx:
        return leases.claim_next(tx, worker, 60.0, TURN_SECONDS)


def taken(database: Database, worker: WorkerIdentity = WORKER) -> JobClaim:
    time.sleep(
        0.002
    )  # SQLite's clock has milliseconds: of owners served in the same one the oldest job decides
    held = take(database, worker)
    assert held is not None
    return held


def owners_in_turn(database: Database, count: int) -> str:
    """The owners whose jobs one worker takes, one after the other."""
    owners = ""
    for _ in range(count):
        held = taken(database)
        owners += get(database, held.job_id).owner_id
        fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    return owners


def present(database: Database, worker: WorkerIdentity, state: workers.State) -> None:
    with database.write() as tx:
        beat = WorkerState(
            worker_id=worker.worker_id, host=worker.host, pid=worker.pid, state=state, job_id=None,
            fingerprint=worker.fingerprint,
        )  # fmt: skip
        workers.heartbeat(tx, beat)


def time_passes(database: Database, held: Sequence[JobClaim], seconds: float = TURN_SECONDS) -> None:
    """The claims are so many seconds older."""
    with database.write() as tx:
        mine = table.c.id.in_([each.job_id for each in held])
        tx.execute(table.update().where(mine).values(claimed_at=table.c.claimed_at - seconds))


def turn_over(database: Database, held: JobClaim) -> bool:
    with database.write() as tx:
        return claims.renew(tx, held).turn_over


def give_back(database: Database, held: JobClaim) -> None:
    fenced(database, held, lambda fence: endings.release(fence, endings.TURN_OVER))


def test_owners_take_turns_however_many_jobs_they_have(database: Database) -> None:
    for owner, count in (("a", 200), ("b", 10), ("c", 1)):
        queue_jobs(database, owner, count)

    assert owners_in_turn(database, 23) == "abc" + "ab" * 9 + "aa"


def test_the_owner_with_the_fewest_workers_at_work_comes_first(database: Database) -> None:
    queue_jobs(database, "a", 4)
    held = [taken(database) for _ in range(2)]
    queue_jobs(database, "b", 3)

    owners = [get(database, taken(database).job_id).owner_id for _ in range(4)]

    assert len(held) == 2
    assert owners == ["b", "b", "a", "b"]


def test_the_highest_priority_comes_first_then_the_oldest(database: Database) -> None:
    low = queue_jobs(database, "a", priority=-1)
    normal = queue_jobs(database, "a", 2)
    high = queue_jobs(database, "a", priority=5)
    queue_jobs(database, "b", priority=4)

    order = [taken(database).job_id for _ in range(5)]

    assert order[0] == high[0]
    assert get(database, order[1]).owner_id == "b"
    assert order[2:] == [*normal, *low]


def test_a_job_that_waits_after_it_was_lost_is_passed_over(database: Database) -> None:
    first, second = queue_jobs(database, "a", 2)
    with database.write() as tx:
        soon = table.c.created_at + 3600
        tx.execute(table.update().where(table.c.id == first).values(not_before_at=soon))

    assert taken(database).job_id == second
    assert take(database) is None
    with database.write() as tx:
        tx.execute(table.update().where(table.c.id == first).values(not_before_at=table.c.created_at))
    assert taken(database).job_id == first


def test_jobs_that_do_not_suit_a_worker_do_not_hide_those_that_do(database: Database) -> None:
    (odd,) = queue_jobs(database, "a", priority=9)
    give_back(database, taken(database, STRANGER))
    (other,) = queue_jobs(database, "b")

    assert taken(database).job_id == other
    assert taken(database, STRANGER).job_id == odd


def test_a_turn_is_over_when_another_owner_waits(database: Database) -> None:
    queue_jobs(database, "a", 2)
    held = taken(database)
    present(database, WORKER, "leading")
    time_passes(database, [held])
    assert not turn_over(database, held)  # what waits is of the same owner
    (waits,) = queue_jobs(database, "b")

    assert turn_over(database, held)
    give_back(database, held)

    job = get(database, held.job_id)
    assert (job.status, job.status_reason, job.attempt) == ("queued", "turn_over", 2)
    assert taken(database).job_id == waits


def test_a_turn_is_not_over_before_its_time_nor_while_somebody_is_free(database: Database) -> None:
    queue_jobs(database, "a")
    held = taken(database)
    queue_jobs(database, "b")
    present(database, WORKER, "leading")
    assert not turn_over(database, held)
    time_passes(database, [held], TURN_SECONDS - 5)
    assert not turn_over(database, held)
    time_passes(database, [held], 5)
    assert turn_over(database, held)
    assert not turn_over(database, replace(held, turn_seconds=0.0))
    state: workers.State
    for state in ("idle", "helping", "replaying"):
        present(database, OTHER, state)
        assert not turn_over(database, held), state
    present(database, OTHER, "leading")
    present(database, STRANGER, "idle")  # of other numerics, to whom the job would be no use
    assert turn_over(database, held)


def test_a_turn_is_not_over_for_jobs_of_other_numerics_or_lower_priority(database: Database) -> None:
    queue_jobs(database, "a")
    held = taken(database)
    queue_jobs(database, "b")
    give_back(database, taken(database, STRANGER))
    queue_jobs(database, "c", priority=-1)
    present(database, WORKER, "leading")
    time_passes(database, [held])

    assert not turn_over(database, held)


def test_a_turn_is_over_for_the_same_owners_job_of_higher_priority(database: Database) -> None:
    queue_jobs(database, "a")
    held = taken(database)
    (urgent,) = queue_jobs(database, "a", priority=1)
    present(database, WORKER, "leading")
    time_passes(database, [held])

    assert turn_over(database, held)
    give_back(database, held)
    assert taken(database).job_id == urgent


def test_of_two_leads_one_gives_way_for_one_job(database: Database) -> None:
    queue_jobs(database, "a")
    queue_jobs(database, "b")
    held = [taken(database, WORKER), taken(database, OTHER)]
    queue_jobs(database, "c")
    present(database, WORKER, "leading")
    present(database, OTHER, "leading")
    time_passes(database, held, TURN_SECONDS + 1)
    time_passes(database, held[:1], 1)

    assert [turn_over(database, each) for each in held] == [True, False]


def test_three_owners_take_turns_on_two_workers_for_ever(database: Database) -> None:
    for owner in "abc":
        queue_jobs(database, owner)
    held = [taken(database, WORKER), taken(database, OTHER)]
    present(database, WORKER, "leading")
    present(database, OTHER, "leading")
    starts = [get(database, each.job_id).owner_id for each in held]
    for turn in range(12):
        time_passes(database, [held[turn % 2]])
        assert turn_over(database, held[turn % 2])
        give_back(database, held[turn % 2])
        held[turn % 2] = taken(database, held[turn % 2].worker)
        starts.append(get(database, held[turn % 2].job_id).owner_id)

    assert "".join(starts) == "abc" * 4 + "ab"


@pytest.mark.parametrize("sees", [None, "b"], ids=["an administrator", "an owner"])
def test_the_queue_tells_what_comes_next(database: Database, sees: str | None) -> None:
    a = queue_jobs(database, "a", 3)
    b = queue_jobs(database, "b", 2)
    (urgent,) = queue_jobs(database, "c", priority=2)
    order = [urgent, a[0], b[0], a[1], b[1], a[2]]

    with database.read() as tx:
        told = waiting.waiting_jobs(tx, sees)

    mine = [job_id for job_id in order if sees is None or job_id in b]
    assert [each.job_id for each in told] == mine
    assert [each.position for each in told] == [order.index(job_id) + 1 for job_id in mine]
    assert {each.reason for each in told} == {"waiting_for_worker"}
    assert all(0 <= each.queued_seconds < 60 for each in told)


def test_the_queues_order_is_that_of_the_claims(database: Database) -> None:
    for owner, count, priority in (("a", 5, 0), ("b", 2, 1), ("c", 4, 0), ("b", 3, 0), ("d", 1, -1)):
        queue_jobs(database, owner, count, priority)
    for _ in range(3):
        claim(database)
    with database.read() as tx:
        told = [each.job_id for each in waiting.waiting_jobs(tx, None)]

    assert [taken(database).job_id for _ in told] == told


def test_the_queue_tells_a_hundred_jobs(database: Database) -> None:
    made = queue_jobs(database, "a", 120)
    queue_jobs(database, "b", 2)
    with database.read() as tx:
        told = waiting.waiting_jobs(tx, "a")

    assert [each.job_id for each in told] == made[:100]
    assert told[-1].position == 102
