"""The claim on a job: taken, renewed, locked for each write, lost.

A lease gives liveness: when it ends, somebody else may take over. The attempt number gives safety: whoever
takes over raises it first, and every transaction of an attempt begins by locking the job's row with
`attempt = :mine` (a condition in a later statement would not do under READ COMMITTED). That lock is a
`Fence`, and all writes of an attempt ask for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.store import events
from lockstep.service.store.database import clock
from lockstep.service.store.errors import Fenced
from lockstep.service.store.fingerprints import mark_unavailable, present
from lockstep.service.store.statuses import LIVE
from lockstep.service.store.tables import attempts, jobs, workers

MOST_WAITING_COUNTED = 100


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """Who claims: `pid` is the process that computes, `fingerprint` that of its numerics.

    `earlier`: what its fingerprint was under older numbers of the arithmetic (core/spec/arithmetic.py).
    `parts`: a hash for each thing that decides its bits, which says in what two workers differ.
    """

    worker_id: str
    pid: int
    host: str
    fingerprint: str
    earlier: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on `attempt` of a job. `checkpoint_step`: that of the latest checkpoint, if any.

    The spec is read afterwards: nothing that one job's row may hold can keep others from being claimed.
    """

    job_id: str
    attempt: int
    worker: WorkerIdentity
    lease_seconds: float
    spec_sha256: str
    workers_wanted: int
    steps: int
    checkpoint_step: int | None


@dataclass(frozen=True, kw_only=True)
class Fence:
    """Proof that the transaction `tx` holds the row of the claim's job, with its attempt still going on.

    `cancel_requested` can't change before the transaction ends.
    """

    tx: Connection
    claim: Claim
    cancel_requested: bool


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """What the holder learns when renewing; `jobs_waiting` as that function says."""

    cancel_requested: bool
    jobs_waiting: int


_fits = or_(jobs.c.fingerprint.is_(None), jobs.c.fingerprint == bindparam("fingerprint"))
_waiting = jobs.alias("waiting")
_oldest = (
    select(_waiting.c.id)
    .where(
        _waiting.c.status == "queued",
        or_(_waiting.c.fingerprint.is_(None), _waiting.c.fingerprint == bindparam("fingerprint")),
    )
    .order_by(_waiting.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.id == _oldest, jobs.c.status == "queued")
    .values(
        status="running",
        status_reason=None,
        status_message=None,
        version=jobs.c.version + 1,
        worker_id=bindparam("worker"),
        worker_pid=bindparam("pid"),
        fingerprint=func.coalesce(jobs.c.fingerprint, bindparam("fingerprint")),
        arithmetic=ARITHMETIC,
        lease_expires_at=clock() + bindparam("lease_seconds"),
        workers_active=1,
        step=func.coalesce(jobs.c.checkpoint_step, 0),
        steps_per_second=None,
        claimed_at=clock(),
        started_at=func.coalesce(jobs.c.started_at, clock()),
        updated_at=clock(),
    )
    .returning(
        jobs.c.id,
        jobs.c.attempt,
        jobs.c.spec_sha256,
        jobs.c.workers_wanted,
        jobs.c.steps,
        jobs.c.checkpoint_step,
    )
)
_BEGIN_ATTEMPT = insert(attempts).values(started_at=clock())
_RENEW = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.attempt == bindparam("mine"),
        jobs.c.status.in_(LIVE),
    )
    .values(lease_expires_at=clock() + bindparam("lease_seconds"))
    .returning(jobs.c.status)
)
_LOCK = (
    select(jobs.c.status)
    .where(
        jobs.c.id == bindparam("job_id"),
        jobs.c.attempt == bindparam("mine"),
        jobs.c.status.in_(LIVE),
    )
    .with_for_update()
)
_some_waiting = (
    select(jobs.c.id).where(jobs.c.status == "queued", _fits).limit(MOST_WAITING_COUNTED).subquery()
)
_WAITING = select(
    select(func.count()).select_from(_some_waiting).scalar_subquery(),
    select(func.count())
    .select_from(workers)
    .where(workers.c.state == "idle", workers.c.fingerprint == bindparam("fingerprint"), present())
    .scalar_subquery(),
)


def claim_next(tx: Connection, worker: WorkerIdentity, lease_seconds: float) -> Claim | None:
    """Take the oldest queued job whose fingerprint is the worker's or not yet set; None where there is none.

    Jobs that no present worker may take get the reason numerics_unavailable then, and go on waiting.
    """
    row = tx.execute(
        _CLAIM,
        {
            "worker": worker.worker_id,
            "pid": worker.pid,
            "fingerprint": worker.fingerprint,
            "lease_seconds": lease_seconds,
        },
    ).one_or_none()
    if row is None:
        mark_unavailable(tx, worker.parts)
        return None
    tx.execute(
        _BEGIN_ATTEMPT,
        {
            "job_id": row.id,
            "number": row.attempt,
            "worker_id": worker.worker_id,
            "pid": worker.pid,
            "host": worker.host,
            "fingerprint": worker.fingerprint,
        },
    )
    events.append_status(tx, row.id, "running", None, worker.parts)
    return Claim(
        job_id=row.id,
        attempt=row.attempt,
        worker=worker,
        lease_seconds=lease_seconds,
        spec_sha256=row.spec_sha256,
        workers_wanted=row.workers_wanted,
        steps=row.steps,
        checkpoint_step=row.checkpoint_step,
    )


def lock(tx: Connection, claim: Claim) -> Fence:
    """Lock the claim's job for the rest of the transaction; its first statement. Raises Fenced.

    `tx` comes from `Database.write()`: on SQLite that holds the only write lock already.
    """
    status = tx.execute(_LOCK, {"job_id": claim.job_id, "mine": claim.attempt}).scalar_one_or_none()
    if status is None:
        raise _fenced(claim)
    return Fence(tx=tx, claim=claim, cancel_requested=status == "cancelling")


def renew(tx: Connection, claim: Claim) -> Renewal:
    """Let the lease run for its full length from now on; raises Fenced.

    A lease that ran out is renewed all the same as long as nobody evicted the attempt.
    """
    status = tx.execute(
        _RENEW, {"job_id": claim.job_id, "mine": claim.attempt, "lease_seconds": claim.lease_seconds}
    ).scalar_one_or_none()
    if status is None:
        raise _fenced(claim)
    return Renewal(
        cancel_requested=status == "cancelling", jobs_waiting=jobs_waiting(tx, claim.worker.fingerprint)
    )


def jobs_waiting(tx: Connection, fingerprint: str) -> int:
    """How many queued jobs of that fingerprint (or none yet) are more than the present idle workers of it.

    Counted up to 100. A lead with helpers frees one of them when this is not 0.
    """
    queued: int
    idle: int
    queued, idle = tx.execute(_WAITING, {"fingerprint": fingerprint}).one()
    return max(queued - idle, 0)


def _fenced(claim: Claim) -> Fenced:
    return Fenced(
        f"attempt {claim.attempt} at job {claim.job_id} is over (evicted, released or ended): stop it"
    )
