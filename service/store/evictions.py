"""Attempts whose worker is gone: taken from it, and their jobs queued again.

Raising `attempt` fences the old holder from that moment on, should it still live.
"""

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select

from lockstep.service.store import attempts, counted, counters, events, points, resting
from lockstep.service.store.database import clock
from lockstep.service.store.resting import REST_SECONDS
from lockstep.service.store.tables import attempts as attempt_table
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
_HOST = select(attempt_table.c.host).where(
    attempt_table.c.job_id == bindparam("job_id"), attempt_table.c.number == bindparam("number")
)


def evict_expired(tx: Connection, rest_seconds: float = REST_SECONDS) -> list[str]:
    """End the attempts whose lease ran out; returns their jobs' ids. `rest_seconds`: see resting.py."""
    expired = and_(_held, jobs.c.lease_expires_at < clock())
    # A row that is locked is being renewed or written to, so its holder lives: the next tick looks again.
    evicted = _evict(tx, expired, {}, "lease_expired", skip_locked=True)
    return _noted(tx, evicted, rest_seconds)


def evict_process(
    tx: Connection, worker_id: str, pid: int | None, rest_seconds: float = REST_SECONDS
) -> list[str]:
    """End the attempts of a process that is known to be dead; `pid` None: of the whole worker."""
    evicted = _evict(tx, _of_worker, {"worker": worker_id, "pid": pid}, "process_died", skip_locked=False)
    return _noted(tx, evicted, rest_seconds)


def _evict(
    tx: Connection,
    condition: ColumnElement[bool],
    values: dict[str, object],
    reason: str,
    *,
    skip_locked: bool,
) -> list[tuple[str, int]]:
    lost = (
        select(jobs.c.id, jobs.c.attempt)
        .where(condition)
        .order_by(jobs.c.id)
        .limit(MAX_AT_ONCE)
        .with_for_update(skip_locked=skip_locked)
    )
    evicted: list[tuple[str, int]] = []
    for job_id, attempt in tx.execute(lost, values).all():
        made = _REACHED[tx.execute(_EVICT, {"job_id": job_id, "seen": attempt}).scalar_one()]
        points.EVICTED.reach()
        if made.outcome is not None:
            attempts.close(tx, job_id, attempt, made.outcome)
        events.note(tx, job_id, made, {})
        counters.count(tx, counted.EVICTIONS, reason=reason)
        evicted.append((job_id, attempt))
    return evicted


def _noted(tx: Connection, evicted: list[tuple[str, int]], rest_seconds: float) -> list[str]:
    """Note on which hosts the attempts were lost; returns the jobs' ids."""
    lost: list[tuple[str, str]] = []
    for job_id, attempt in evicted:
        host = tx.execute(_HOST, {"job_id": job_id, "number": attempt}).scalar_one_or_none()
        if host is not None:
            lost.append((host, job_id))
    resting.note_lost(tx, lost, rest_seconds)
    return [job_id for job_id, _ in evicted]


def holders(tx: Connection) -> list[tuple[str, int]]:
    """The worker id and the process id of each claim, for a process that can tell which of them are dead."""
    held = select(jobs.c.worker_id, jobs.c.worker_pid).where(_held).order_by(jobs.c.id)
    return [(worker, pid) for worker, pid in tx.execute(held) if worker is not None and pid is not None]
