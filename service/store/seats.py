"""Places for helpers in the groups of running jobs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

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
        jobs.c.workers_active < jobs.c.workers_wanted,
        jobs.c.worker_id != bindparam("worker"),
        attempts.c.secret.is_not(None),
        jobs.c.id.not_in(bindparam("passed_over", expanding=True)),
    )
    .order_by(jobs.c.id)
    .limit(1)
)


def publish_address(fence: JobFence, host: str, port: int, secret: bytes) -> None:
    """Say where the lead listens for helpers; the secret is erased when the attempt ends."""
    claim = fence.claim
    row = {"host_": host, "port_": port, "secret_": secret}
    fence.tx.execute(_PUBLISH, {"of_job": claim.job_id, "attempt": claim.attempt, **row})


def find_seat(tx: Connection, worker: WorkerIdentity, passed_over: Collection[str] = ()) -> Seat | None:
    """A free place for a helper in the oldest job of the worker's fingerprint that has one.

    Several may find the same: the lead turns away those that are too many. `passed_over`: ids of jobs that
    this worker can't help.
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
