"""How much there is to do."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from lockstep.service.store.database import clock
from lockstep.service.store.tables import jobs

_COUNTED = ("queued", "running", "cancelling")
_COUNTS = (
    select(jobs.c.status, func.count(), func.min(jobs.c.created_at), clock())
    .where(jobs.c.status.in_(_COUNTED))
    .group_by(jobs.c.status)
)


@dataclass(frozen=True, kw_only=True)
class QueueCounts:
    """How many jobs wait and run, and since when the oldest has waited, in seconds."""

    queued: int
    running: int
    cancelling: int
    oldest_queued_seconds: float | None


def queue_counts(tx: Connection, owner: str | None) -> QueueCounts:
    """How many jobs of the owner (None: of everybody) are not over yet."""
    counts: dict[str, int] = dict.fromkeys(_COUNTED, 0)
    oldest: float | None = None
    counted = _COUNTS if owner is None else _COUNTS.where(jobs.c.owner_id == owner)
    for status, count, since, now in tx.execute(counted):
        counts[status] = count
        if status == "queued":
            oldest = max(now - since, 0.0)
    return QueueCounts(
        queued=counts["queued"],
        running=counts["running"],
        cancelling=counts["cancelling"],
        oldest_queued_seconds=oldest,
    )
