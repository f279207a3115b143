"""Which queued jobs to ring for: the job's row is its own outbox."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, select, update

from lockstep.service.store.database import clock
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS

RING_AGAIN_SECONDS = 30.0
MAX_SECONDS_BETWEEN_RINGS = 600.0

_DUE = (
    select(jobs.c.id)
    .where(JOBS.are("waiting"), jobs.c.ring_due_at <= clock())
    .order_by(jobs.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_pause = (jobs.c.rings + 1) * RING_AGAIN_SECONDS
_RUNG = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("job_ids", expanding=True)), JOBS.are("waiting"))
    .values(
        rings=jobs.c.rings + 1,
        ring_due_at=clock()
        + case((_pause > MAX_SECONDS_BETWEEN_RINGS, MAX_SECONDS_BETWEEN_RINGS), else_=_pause),
    )
)


def due_rings(tx: Connection, limit: int) -> list[str]:
    """At most `limit` ids of queued jobs that nobody has rung for lately, the oldest first."""
    return list(tx.execute(_DUE, {"most": limit}).scalars())


def rung(tx: Connection, job_ids: Sequence[str]) -> None:
    """Ring for these again only later: after 30 s, then 30 s more each time, at most 10 minutes."""
    if job_ids:
        tx.execute(_RUNG, {"job_ids": list(job_ids)})
