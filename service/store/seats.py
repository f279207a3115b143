"""Places for helpers in the groups of running jobs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import clock
from lockstep.service.store.leases import JobFence
from lockstep.service.store.tables import attempts, jobs
from lockstep.service.store.transitions import JOBS


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A place in the group of `attempt` at a job: where its lead listens, and what the handshake needs."""

    job_id: str
    attempt: int
    host: str
    port: int
    secret: bytes
    spec_sha256: str


_PUBLISH = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.number == bindparam("attempt"),
        attempts.c.ended_at.is_(None),
    )
    .values(lead_host=bindparam("host_"), lead_port=bindparam("port_"), secret=bindparam("secret_"))
)
_OFFER = update(jobs).where(jobs.c.id == bindparam("of_job")).values(seats=bindparam("offered"))
_gain = func.coalesce(jobs.c.seat_gain, 1.0 / jobs.c.workers_active)
_FIND = (
    select(
        jobs.c.id,
        jobs.c.attempt,
        jobs.c.spec_sha256,
        attempts.c.lead_host,
        attempts.c.lead_port,
        attempts.c.secret,
    )
    .join_from(jobs, attempts, (attempts.c.job_id == jobs.c.id) & (attempts.c.number == jobs.c.attempt))
    .where(
        JOBS.are("working"),
        jobs.c.fingerprint == bindparam("fingerprint"),
        jobs.c.lease_expires_at > clock(),
        jobs.c.workers_active < func.coalesce(jobs.c.seats, jobs.c.workers_wanted),
        jobs.c.worker_id != bindparam("worker"),
        attempts.c.secret.is_not(None),
        jobs.c.id.not_in(bindparam("passed_over", expanding=True)),
    )
    .order_by(_gain.desc(), jobs.c.id)
    .limit(1)
)


def publish_address(fence: JobFence, host: str, port: int, secret: bytes, offered: int | None = None) -> None:
    """Say where the lead listens for helpers; the secret is erased when the attempt ends.

    `offered`: how many members it would have to begin with; None: as many as the job wants.
    """
    claim = fence.claim
    row = {"host_": host, "port_": port, "secret_": secret}
    fence.tx.execute(_PUBLISH, {"of_job": claim.job_id, "attempt": claim.attempt, **row})
    fence.tx.execute(_OFFER, {"of_job": claim.job_id, "offered": offered})


def find_seat(tx: Connection, worker: WorkerIdentity, passed_over: Collection[str] = ()) -> Seat | None:
    """A free place for a helper, in the job of the worker's fingerprint that gains most by one.

    What a job gains its lead says; of one that has not measured it yet, the seconds that a perfect helper
    saves it in a second. Of equals it is the oldest. Several may find the same: the lead turns away those
    that are too many. `passed_over`: ids of jobs that this worker can't help.
    """
    identity = {"fingerprint": worker.fingerprint, "worker": worker.worker_id}
    row = tx.execute(_FIND, {**identity, "passed_over": list(passed_over)}).one_or_none()
    if row is None:
        return None
    return Seat(
        job_id=row.id,
        attempt=row.attempt,
        host=row.lead_host,
        port=row.lead_port,
        secret=row.secret,
        spec_sha256=row.spec_sha256,
    )
