"""Jobs that older rules of Lockstep's arithmetic began (core/spec/arithmetic.py): they begin again.

Nothing of what they have computed goes on, for then two rules would be mixed under one digest: checkpoints,
history and answered questions go, an event says so, and any worker may claim the job as if it were new.
"""

from sqlalchemy import Connection, bindparam, delete, select

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.store import events, points
from lockstep.service.store.errors import NotFound
from lockstep.service.store.events import NewEvent
from lockstep.service.store.job_conditions import begun_by
from lockstep.service.store.tables import checkpoints, history, jobs, replays
from lockstep.service.store.transitions import JOBS

MAX_AT_ONCE = 100

_number = begun_by(jobs.c)
_FIND = (
    select(jobs.c.id, _number, jobs.c.step)
    .where(JOBS.may("begin_again"))
    .order_by(jobs.c.id)
    .limit(MAX_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_BEGIN_AGAIN = JOBS.update("begin_again", jobs.c.id == bindparam("job_id"))
_FORGET = tuple(
    delete(table).where(table.c.job_id == bindparam("of_job")) for table in (checkpoints, history, replays)
)
_NUMBER = select(_number).where(jobs.c.id == bindparam("job_id"))


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
            f"it begins again, and the {step} steps that were done are done again."
        )
        tx.execute(_BEGIN_AGAIN, {"job_id": job_id, "message": message})
        points.BEGAN_AGAIN.reach()
        for statement in _FORGET:
            tx.execute(statement, {"of_job": job_id})
        data = {"arithmetic": ARITHMETIC, "was": number, "steps": step}
        events.append(tx, job_id, NewEvent(type="began_again", message=message, data=data, level="warning"))
    return [job_id for job_id, _, _ in found]
