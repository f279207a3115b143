"""Rings for a job that its worker gave back or lost: at once, and soon again."""

import pytest

from lockstep.service.store import endings, rings
from lockstep.service.store.database import Database
from lockstep.service.store.tables import jobs
from tests.stored_jobs import claim, evict, fenced, queue_job


def due(database: Database) -> list[str]:
    """Ring for what is due, and say for which jobs."""
    with database.write() as tx:
        found = rings.due_rings(tx, 10)
        rings.rung(tx, found)
        return found


def time_passes(database: Database, seconds: float) -> None:
    with database.write() as tx:
        tx.execute(jobs.update().values(ring_due_at=jobs.c.ring_due_at - seconds))


@pytest.mark.parametrize("ending", ["release", "evict"])
def test_a_job_that_waits_again_is_rung_for_as_a_new_one(database: Database, ending: str) -> None:
    """However long it had waited before its first worker came, and however seldom the rings had become."""
    job_id = queue_job(database).id
    for _ in range(12):
        time_passes(database, 600)
        assert due(database) == [job_id]
    held = claim(database)

    if ending == "release":
        fenced(database, held, endings.release)
    else:
        evict(database, held)

    assert due(database) == [job_id]
    time_passes(database, 15)
    assert due(database) == []
    time_passes(database, 15)
    assert due(database) == [job_id]
