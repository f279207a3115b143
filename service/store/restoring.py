"""After a database was restored from a copy: whoever held a claim by what was lost writes nothing into it.

Such a worker may hold an attempt that the copy does not know yet, and that would come again. So the attempts
of all jobs that are not over go on from numbers that nobody can hold.
"""

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import attempts, events
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS

MAX_AT_ONCE = 500

_PAGE = (
    select(jobs.c.id, jobs.c.attempt, jobs.c.status)
    .where(JOBS.may("restore"), jobs.c.id > bindparam("after"))
    .order_by(jobs.c.id)
    .limit(MAX_AT_ONCE)
    .with_for_update()
)
_RESTORE = {
    change: JOBS.update_by(change, jobs.c.id == bindparam("job_id")) for change in JOBS.of_act("restore")
}


def disown(tx: Connection) -> int:
    """End all claims, and let no attempt from before match a job again; returns how many jobs go on."""
    after, count = "", 0
    while page := tx.execute(_PAGE, {"after": after}).all():
        for job_id, attempt, status in page:
            _restore(tx, job_id, attempt, status)
        after, count = page[-1].id, count + len(page)
    return count


def _restore(tx: Connection, job_id: str, attempt: int, status: str) -> None:
    made = JOBS.change("restore", status)
    if made is None:
        raise RuntimeError(f"expected a job that is not over, got one that is {status}")
    tx.execute(_RESTORE[made], {"job_id": job_id})
    if made.outcome is not None:
        attempts.close(tx, job_id, attempt, made.outcome)
    events.note(tx, job_id, made, {})
