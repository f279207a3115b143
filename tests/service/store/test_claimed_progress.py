"""What a job shows right after a claim: the step that its attempt goes on from."""

from lockstep.service.store import checkpoints, endings
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from tests.stored_jobs import claim, evict, fenced, get, queue_job


def progress(database: Database, step: int) -> None:
    """The one running attempt gets on."""
    held = claim(database)
    fenced(database, held, lambda fence: endings.record_progress(fence, Progress(step=step, epoch=0)))
    evict(database, held)


def test_steps_that_no_checkpoint_holds_are_not_shown_as_done(database: Database) -> None:
    job_id = queue_job(database).id
    progress(database, 30)
    assert get(database, job_id).step == 30

    claim(database)

    assert get(database, job_id).step == 0


def test_an_attempt_begins_at_the_latest_checkpoint(database: Database) -> None:
    job_id = queue_job(database).id
    held = claim(database)
    fenced(database, held, lambda fence: checkpoints.save(fence, 0, b"start"))
    fenced(database, held, lambda fence: checkpoints.save(fence, 40, b"later"))
    evict(database, held)
    progress(database, 90)
    assert get(database, job_id).step == 90

    again = claim(database)

    assert (again.checkpoint_step, get(database, job_id).step) == (40, 40)
