"""Attempts whose worker is gone: taken from it, and their jobs queued again.

Raising `attempt` fences the old holder from that moment on, should it still live.
"""

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, null, select, update

from lockstep.service.store import attempts, events
from lockstep.service.store.database import clock
from lockstep.service.store.statuses import LIVE
from lockstep.service.store.tables import jobs

MOST_EVICTIONS = 3
"""So many in a row without a later checkpoint end the job: it may be what kills its workers."""
MOST_AT_ONCE = 100

_LOST = f"Its worker was lost {MOST_EVICTIONS} times before a later checkpoint could be saved."
_AGAIN = "Its worker was lost; it goes on from its latest checkpoint."

_cancelled = jobs.c.status == "cancelling"
_hopeless = and_(~_cancelled, jobs.c.evictions + 1 >= MOST_EVICTIONS)
_EVICT = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.attempt == bindparam("seen"),
        jobs.c.status.in_(LIVE),
    )
    .values(
        status=case((_cancelled, "cancelled"), (_hopeless, "failed"), else_="queued"),
        status_reason=case((_cancelled, "cancel_requested"), else_="worker_lost"),
        status_message=case((_cancelled, null()), (_hopeless, _LOST), else_=_AGAIN),
        error_code=case((_hopeless, "worker_lost"), else_=null()),
        error_message=case((_hopeless, _LOST), else_=null()),
        finished_at=case((_cancelled, clock()), (_hopeless, clock()), else_=null()),
        attempt=jobs.c.attempt + 1,
        evictions=jobs.c.evictions + 1,
        version=jobs.c.version + 1,
        worker_id=None,
        worker_pid=None,
        lease_expires_at=None,
        workers_active=0,
        steps_per_second=None,
        ring_due_at=clock(),
        rings=0,
        updated_at=clock(),
    )
    .returning(jobs.c.status, jobs.c.status_reason)
)
_of_worker = and_(
    jobs.c.status.in_(LIVE),
    jobs.c.worker_id == bindparam("worker"),
    func.coalesce(bindparam("pid", type_=jobs.c.worker_pid.type), jobs.c.worker_pid) == jobs.c.worker_pid,
)


def evict_expired(tx: Connection) -> list[str]:
    """End the attempts whose lease ran out; returns their jobs' ids."""
    expired = and_(jobs.c.status.in_(LIVE), jobs.c.lease_expires_at < clock())
    # A row that is locked is being renewed or written to, so its holder lives: the next tick looks again.
    return _evict(tx, expired, {}, skip_locked=True)


def evict_process(tx: Connection, worker_id: str, pid: int | None) -> list[str]:
    """End the attempts of a process that is known to be dead; `pid` None: of the whole worker."""
    return _evict(tx, _of_worker, {"worker": worker_id, "pid": pid}, skip_locked=False)


def _evict(
    tx: Connection, condition: ColumnElement[bool], values: dict[str, object], *, skip_locked: bool
) -> list[str]:
    lost = (
        select(jobs.c.id, jobs.c.attempt)
        .where(condition)
        .order_by(jobs.c.id)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=skip_locked)
    )
    evicted: list[str] = []
    for job_id, attempt in tx.execute(lost, values).all():
        status, reason = tx.execute(_EVICT, {"job_id": job_id, "seen": attempt}).one()
        attempts.close(tx, job_id, attempt, "evicted")
        events.append_status(tx, job_id, status, reason)
        evicted.append(job_id)
    return evicted


def holders(tx: Connection) -> list[tuple[str, int]]:
    """The worker id and the process id of each claim, for whoever can tell which processes are dead."""
    held = select(jobs.c.worker_id, jobs.c.worker_pid).where(jobs.c.status.in_(LIVE)).order_by(jobs.c.id)
    return [(worker, pid) for worker, pid in tx.execute(held) if worker is not None and pid is not None]
