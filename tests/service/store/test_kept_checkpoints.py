"""Which checkpoints stay when a later one is saved."""

from __future__ import annotations

from dataclasses import replace

from lockstep.service.store import checkpoints
from lockstep.service.store.checkpoints import PLAIN, KeptMarks, KeptReason
from lockstep.service.store.database import Database
from lockstep.service.store.leases import JobClaim
from tests.stored_jobs import NEW, claim, fenced, queue_job

BEST = KeptMarks(best=True)
REGULAR = KeptMarks(regular=True)


def save(database: Database, held: JobClaim, step: int, marks: KeptMarks = PLAIN) -> None:
    fenced(database, held, lambda fence: checkpoints.save(fence, step, b"state %d" % step, marks))


def there(database: Database, job_id: str) -> dict[int, tuple[KeptReason, ...]]:
    with database.read() as tx:
        return {each.step: each.reasons for each in checkpoints.list_checkpoints(tx, job_id)}


def test_each_says_why_it_is_there(database: Database) -> None:
    job_id = queue_job(database, replace(NEW, keep_last=3)).id
    held = claim(database)
    marks = {0: PLAIN, 5: BEST, 10: KeptMarks(regular=True, best=True), 12: PLAIN, 20: REGULAR, 25: BEST}
    for step, mark in marks.items():
        save(database, held, step, mark)
    for step in (26, 27, 28, 29):
        save(database, held, step)

    assert there(database, job_id) == {
        0: ("start",),
        10: ("every",),
        20: ("every",),
        25: ("best",),
        27: ("last",),
        28: ("last",),
        29: ("last",),
    }


def test_there_are_two_to_go_on_from_though_the_spec_keeps_one(database: Database) -> None:
    job_id = queue_job(database, replace(NEW, keep_last=1)).id
    held = claim(database)
    for step in (1, 2, 3):
        save(database, held, step)

    assert there(database, job_id) == {2: ("last",), 3: ("last",)}


def test_the_best_is_one(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    for step in (1, 2, 3, 4):
        save(database, held, step, BEST)

    assert there(database, job_id) == {3: ("last",), 4: ("best", "last")}
