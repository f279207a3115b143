"""The jobs that wait, in the order in which they will be taken if nothing else comes."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from lockstep.service.store.database import clock
from lockstep.service.store.statuses import HELD
from lockstep.service.store.tables import attempts, jobs, owners
from lockstep.service.store.transitions import JOBS

MAX_TOLD = 100
MAX_LOOKED_AT = 20_000
"""What is further back in the queue is not told: finding it would take too long."""


@dataclass(frozen=True, kw_only=True)
class WaitingJob:
    """A job that waits. `position`: 1 for the next; those of other owners count.

    `queued_seconds`: since it was posted, or since its latest attempt ended.
    """

    job_id: str
    owner: str
    priority: int
    position: int
    reason: str | None
    queued_seconds: float
    workers_wanted: int


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The jobs of one owner and one priority that wait: how many, and the id of the oldest."""

    owner_id: str
    priority: int
    count: int
    oldest_id: str


_BACKLOGS = (
    select(
        jobs.c.owner_id, jobs.c.priority, func.count().label("number"), func.min(jobs.c.id).label("oldest")
    )
    .where(JOBS.are("waiting"))
    .group_by(jobs.c.owner_id, jobs.c.priority)
)
_AT_WORK = (
    select(jobs.c.owner_id, func.sum(jobs.c.workers_active).label("workers"))
    .where(JOBS.are(*HELD))
    .group_by(jobs.c.owner_id)
)
_SERVED = select(owners.c.owner_id, owners.c.served_at)
_OLDEST = (
    select(jobs.c.id)
    .where(
        JOBS.are("waiting"),
        jobs.c.owner_id == bindparam("owner"),
        jobs.c.priority == bindparam("of_priority"),
    )
    .order_by(jobs.c.id)
    .limit(bindparam("most"))
)
_since = func.coalesce(attempts.c.ended_at, jobs.c.created_at)
_TELL = (
    select(
        jobs.c.id,
        jobs.c.owner_id,
        jobs.c.priority,
        jobs.c.status_reason,
        jobs.c.workers_wanted,
        (clock() - _since).label("queued_seconds"),
    )
    .outerjoin_from(
        jobs, attempts, (attempts.c.job_id == jobs.c.id) & (attempts.c.number == jobs.c.attempt - 1)
    )
    .where(jobs.c.id.in_(bindparam("job_ids", expanding=True)), JOBS.are("waiting"))
)


def waiting_jobs(tx: Connection, owner: str | None) -> list[WaitingJob]:
    """The first 100 of the owner's jobs that wait (None: of everybody's), in their order."""
    backlogs = [
        Backlog(owner_id=row.owner_id, priority=row.priority, count=row.number, oldest_id=row.oldest)
        for row in tx.execute(_BACKLOGS)
    ]
    at_work = {row.owner_id: row.workers for row in tx.execute(_AT_WORK)}
    served = {row.owner_id: row.served_at for row in tx.execute(_SERVED)}
    places: dict[Backlog, list[int]] = {}
    count = 0
    for position, backlog in enumerate(order_of(backlogs, at_work, served), start=1):
        if owner in (None, backlog.owner_id):
            places.setdefault(backlog, []).append(position)
            count += 1
        if count == MAX_TOLD or position == MAX_LOOKED_AT:
            break
    positions = {
        job_id: position
        for backlog, its in places.items()
        for job_id, position in zip(_oldest(tx, backlog, len(its)), its, strict=False)
    }
    told = [
        WaitingJob(
            job_id=row.id,
            owner=row.owner_id,
            priority=row.priority,
            position=positions[row.id],
            reason=row.status_reason,
            queued_seconds=max(row.queued_seconds, 0.0),
            workers_wanted=row.workers_wanted,
        )
        for row in tx.execute(_TELL, {"job_ids": list(positions)})
    ]
    return sorted(told, key=lambda each: each.position)


def _oldest(tx: Connection, backlog: Backlog, count: int) -> list[str]:
    """The ids of its first jobs."""
    if count == 1:
        return [backlog.oldest_id]
    values = {"owner": backlog.owner_id, "of_priority": backlog.priority, "most": count}
    return list(tx.execute(_OLDEST, values).scalars())


def order_of(
    backlogs: Sequence[Backlog], at_work: Mapping[str, int], served: Mapping[str, float]
) -> Iterator[Backlog]:
    """Whose job is taken next, again and again, as turns.py has it; each that is taken goes on for good."""
    busy = Counter(at_work)
    # Who was never served comes first, and who is served now after all who were served before.
    served_at = {backlog.owner_id: served.get(backlog.owner_id, -1.0) for backlog in backlogs}
    now = max(served_at.values(), default=0.0) + 1.0
    for priority in sorted({backlog.priority for backlog in backlogs}, reverse=True):
        queue = [
            (busy[backlog.owner_id], served_at[backlog.owner_id], backlog.oldest_id, backlog.count)
            for backlog in backlogs
            if backlog.priority == priority
        ]
        heapq.heapify(queue)
        by_oldest = {backlog.oldest_id: backlog for backlog in backlogs}
        while queue:
            _, _, oldest, left = heapq.heappop(queue)
            backlog = by_oldest[oldest]
            yield backlog
            busy[backlog.owner_id] += 1
            served_at[backlog.owner_id] = now = now + 1.0
            if left > 1:
                heapq.heappush(queue, (busy[backlog.owner_id], now, oldest, left - 1))
