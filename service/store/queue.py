"""How much there is to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from lockstep.service.store.database import clock
from lockstep.service.store.fingerprints import present, suits
from lockstep.service.store.resting import rests
from lockstep.service.store.statuses import UNFINISHED, WAITING
from lockstep.service.store.tables import jobs, workers
from lockstep.service.store.turns import may_start

MAX_WAITING_COUNTED = 100

_COUNTS = (
    select(jobs.c.status, func.count(), func.min(jobs.c.created_at), clock())
    .where(jobs.c.status.in_(UNFINISHED))
    .group_by(jobs.c.status)
)
_some_waiting = (
    select(jobs.c.id).where(may_start(jobs.c), suits(jobs.c)).limit(MAX_WAITING_COUNTED).subquery()
)
_WAITING = select(
    select(func.count()).select_from(_some_waiting).scalar_subquery(),
    select(func.count())
    .select_from(workers)
    .where(
        workers.c.state == "idle",
        workers.c.fingerprint == bindparam("fingerprint"),
        present(),
        ~rests(workers.c.host),
    )
    .scalar_subquery(),
)


@dataclass(frozen=True, kw_only=True)
class QueueCounts:
    """How many jobs are in each status before the end, and how long the oldest has waited, in seconds."""

    jobs: Mapping[str, int]
    oldest_queued_seconds: float | None


def queue_counts(tx: Connection, owner: str | None) -> QueueCounts:
    """How many jobs of the owner (None: of everybody) are not over yet."""
    counts: dict[str, int] = dict.fromkeys(UNFINISHED, 0)
    oldest: float | None = None
    counted = _COUNTS if owner is None else _COUNTS.where(jobs.c.owner_id == owner)
    for status, count, since, now in tx.execute(counted):
        counts[status] = count
        if status in WAITING:
            oldest = max(now - since, 0.0)
    return QueueCounts(jobs=counts, oldest_queued_seconds=oldest)


def jobs_waiting(tx: Connection, fingerprint: str) -> int:
    """How many jobs that may start, of that fingerprint or none yet, are more than the idle workers for them.

    Counted up to 100. A lead with helpers frees one of them when this is not 0.
    """
    queued: int
    idle: int
    queued, idle = tx.execute(_WAITING, {"fingerprint": fingerprint}).one()
    return max(queued - idle, 0)
