"""Attempts whose worker is gone: taken from it, and their jobs queued again.

Raising `attempt` fences the old holder from that moment on, should it still live.
"""

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select

from lockstep.service.store import attempts, counted, counters, events
from lockstep.service.store.database import clock
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS

MAX_AT_ONCE = 100

_EVICT = JOBS.update(
    "evict", jobs.c.id == bindparam("job_id"), jobs.c.attempt == bindparam("seen")
).returning(jobs.c.status)
_REACHED = {change.target: change for change in JOBS.of_act("evict")}
_held = JOBS.may("evict")
_of_worker = and_(
    _held,
    jobs.c.worker_id == bindparam("worker"),
    func.coalesce(bindparam("pid", type_=jobs.c.worker_pid.type), jobs.c.worker_pid) == jobs.c.worker_pid,
)


def evict_expired(tx: Connection) -> list[str]:
    """End the attempts whose lease ran out; returns their jobs' ids."""
    expired = and_(_held, jobs.c.lease_expires_at < clock())
    # A row that is locked is being renewed or written to, so its holder lives: the next tick looks again.
    return _evict(tx, expired, {}, "lease_expired", skip_locked=True)


def evict_process(tx: Connection, worker_id: str, pid: int | None) -> list[str]:
    """End the attempts of a process that is known to be dead; `pid` None: of the whole worker."""
    return _evict(tx, _of_worker, {"worker": worker_id, "pid": pid}, "process_died", skip_locked=False)


def _evict(
    tx: Connection,
    condition: ColumnElement[bool],
    values: dict[str, object],
    reason: str,
    *,
    skip_locked: bool,
) -> list[str]:
    lost = (
        select(jobs.c.id, jobs.c.attempt)
        .where(condition)
        .order_by(jobs.c.id)
        .limit(MAX_AT_ONCE)
        .with_for_update(skip_locked=skip_locked)
    )
    evicted: list[str] = []
    for job_id, attempt in tx.execute(lost, values).all():
        made = _REACHED[tx.execute(_EVICT, {"job_id": job_id, "seen": attempt}).scalar_one()]
        if made.outcome is not None:
            attempts.close(tx, job_id, attempt, made.outcome)
        events.note(tx, job_id, made, {})
        counters.count(tx, counted.EVICTIONS, reason=reason)
        evicted.append(job_id)
    return evicted


def holders(tx: Connection) -> list[tuple[str, int]]:
    """The worker id and the process id of each claim, for a process that can tell which of them are dead."""
    held = select(jobs.c.worker_id, jobs.c.worker_pid).where(_held).order_by(jobs.c.id)
    return [(worker, pid) for worker, pid in tx.execute(held) if worker is not None and pid is not None]
