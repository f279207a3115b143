"""Workers, as they last said of themselves: for people and for rings, never a ground for safety."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, select, update

from lockstep.service.store.database import clock, insert_or_ignore, moment, moment_or_none
from lockstep.service.store.fingerprints import PRESENT_SECONDS
from lockstep.service.store.tables import hosts, jobs, workers

State = Literal["idle", "leading", "helping", "replaying"]
FORGOTTEN_SECONDS = 600.0
"""A worker not heard of for so long is gone from the list."""

_BEAT = (
    update(workers)
    .where(workers.c.id == bindparam("worker"))
    .values(
        host=bindparam("on_host"),
        pid=bindparam("process"),
        state=bindparam("doing"),
        job_id=bindparam("job"),
        fingerprint=bindparam("numerics"),
        heartbeat_at=clock(),
    )
)
_LIST = (
    select(workers, clock().label("now"), hosts.c.resting_until_at)
    .outerjoin(hosts, (hosts.c.host == workers.c.host) & (hosts.c.resting_until_at > clock()))
    .where(workers.c.heartbeat_at > clock() - FORGOTTEN_SECONDS)
    .order_by(workers.c.started_at, workers.c.id)
)


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """What a worker says of itself."""

    worker_id: str
    host: str
    pid: int
    state: State
    job_id: str | None
    fingerprint: str | None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What is known of a worker. `present`: it was heard of within the last 15 seconds.

    `resting_until`: its host takes no jobs before that. Without host and pid it is as those see it whose
    jobs it does not work at.
    """

    worker_id: str
    host: str | None
    pid: int | None
    state: State
    job_id: str | None
    fingerprint: str | None
    started_at: datetime
    heartbeat_at: datetime
    present: bool
    resting_until: datetime | None


def heartbeat(tx: Connection, state: WorkerState) -> None:
    """Note what a worker does, and that it lives."""
    values = {"on_host": state.host, "process": state.pid, "doing": state.state, "job": state.job_id}
    beat = tx.execute(_BEAT, {"worker": state.worker_id, **values, "numerics": state.fingerprint})
    if beat.rowcount == 0:
        tx.execute(
            insert_or_ignore(tx, workers).values(started_at=clock(), heartbeat_at=clock()),
            {
                "id": state.worker_id,
                "host": state.host,
                "pid": state.pid,
                "state": state.state,
                "job_id": state.job_id,
                "fingerprint": state.fingerprint,
            },
        )
        # The rows of workers that ended without saying so are removed by those that come later.
        tx.execute(delete(workers).where(workers.c.heartbeat_at < clock() - FORGOTTEN_SECONDS))


def list_workers(tx: Connection) -> list[Worker]:
    """All workers heard of within 10 minutes, the oldest first."""
    return [
        Worker(
            worker_id=row.id,
            host=row.host,
            pid=row.pid,
            state=row.state,
            job_id=row.job_id,
            fingerprint=row.fingerprint,
            started_at=moment(row.started_at),
            heartbeat_at=moment(row.heartbeat_at),
            present=row.now - row.heartbeat_at < PRESENT_SECONDS,
            resting_until=moment_or_none(row.resting_until_at),
        )
        for row in tx.execute(_LIST)
    ]


def visible_jobs(tx: Connection, job_ids: Collection[str], owner: str) -> frozenset[str]:
    """Those of the jobs that are the owner's."""
    mine = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.owner_id == owner)
    return frozenset(tx.execute(mine).scalars())


def remove(tx: Connection, worker_id: str) -> None:
    """Forget a worker that leaves in good order."""
    tx.execute(delete(workers).where(workers.c.id == bindparam("worker")), {"worker": worker_id})
