"""Limits of time that a spec sets: jobs past them fail, by the database's clock alone.

Ending the attempt raises its number, so a holder that still works is fenced; its last checkpoint stays.
"""

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import attempts, events
from lockstep.service.store.columns import LIMITED
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS

MAX_AT_ONCE = 100

_FIND = (
    select(jobs.c.id, jobs.c.attempt, jobs.c.status)
    .where(LIMITED, JOBS.may("expire"))
    .order_by(jobs.c.id)
    .limit(MAX_AT_ONCE)
    # A row that is locked may be ending by itself; the next tick looks again.
    .with_for_update(skip_locked=True)
)
_EXPIRE = JOBS.update("expire", jobs.c.id == bindparam("job_id")).returning(jobs.c.error_param)


def expire(tx: Connection) -> list[str]:
    """Fail the jobs that have waited or been worked at for too long, at most 100; returns their ids."""
    expired: list[str] = []
    for job_id, attempt, status in tx.execute(_FIND).all():
        limit = tx.execute(_EXPIRE, {"job_id": job_id}).scalar_one()
        made = next(
            change
            for change in JOBS.of_act("expire")
            if status in change.sources and change.values["error_param"] == limit
        )
        if made.outcome is not None:
            attempts.close(tx, job_id, attempt, made.outcome)
        events.note(tx, job_id, made, {})
        expired.append(job_id)
    return expired
