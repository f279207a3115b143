"""Jobs that older rules of Lockstep's arithmetic began (core/spec/arithmetic.py): they begin again.

Nothing of what they have computed goes on, for then two rules would be mixed under one digest: checkpoints,
history and answered questions go, an event says so, and any worker may claim the job as if it were new.
"""

from sqlalchemy import Connection, bindparam, delete, func, select, update

from lockstep.core.ground.arithmetic import ARITHMETIC, FIRST_ARITHMETIC
from lockstep.service.store import events
from lockstep.service.store.database import clock
from lockstep.service.store.errors import NotFound
from lockstep.service.store.events import NewEvent
from lockstep.service.store.tables import checkpoints, history, jobs, replays

MOST_AT_ONCE = 100

number_of = func.coalesce(jobs.c.arithmetic, FIRST_ARITHMETIC)
"""The number under which a job that was claimed was begun; versions before the numbers kept none."""
is_outdated = jobs.c.fingerprint.is_not(None) & (number_of < ARITHMETIC)
"""Condition on jobs that are not over."""

_FIND = (
    select(jobs.c.id, number_of, jobs.c.step)
    .where(jobs.c.status == "queued", is_outdated)
    .order_by(jobs.c.id)
    .limit(MOST_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_BEGIN_AGAIN = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.status == "queued", is_outdated)
    .values(
        fingerprint=None,
        arithmetic=None,
        checkpoint_step=None,
        step=0,
        epoch=0,
        evictions=0,
        status_reason=None,
        status_message=bindparam("message"),
        version=jobs.c.version + 1,
        updated_at=clock(),
        ring_due_at=clock(),
        rings=0,
    )
)
_FORGET = tuple(
    delete(table).where(table.c.job_id == bindparam("of_job")) for table in (checkpoints, history, replays)
)
_NUMBER = select(number_of).where(jobs.c.id == bindparam("job_id"))


def arithmetic_of(tx: Connection, job_id: str) -> int:
    """The number by whose rules a job was begun, of one that was claimed; raises NotFound."""
    number: int | None = tx.execute(_NUMBER, {"job_id": job_id}).scalar_one_or_none()
    if number is None:
        raise NotFound(f"no job has the id {job_id!r}")
    return number


def begin_again(tx: Connection) -> list[str]:
    """Let the queued jobs of older rules begin again, at most 100; returns their ids."""
    found = tx.execute(_FIND).all()
    for job_id, number, step in found:
        message = (
            f"This version of Lockstep computes by arithmetic {ARITHMETIC}, the job was begun by {number}: "
            f"it begins again, and the {step} steps that were done are done anew."
        )
        tx.execute(_BEGIN_AGAIN, {"job_id": job_id, "message": message})
        for statement in _FORGET:
            tx.execute(statement, {"of_job": job_id})
        data = {"arithmetic": ARITHMETIC, "was": number, "steps": step}
        events.append(tx, job_id, NewEvent(type="began_again", message=message, data=data, level="warning"))
    return [job_id for job_id, _, _ in found]
