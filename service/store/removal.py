"""Removing a job that is over, with all that is its own."""

from sqlalchemy import Connection, bindparam, delete, select, tuple_

from lockstep.service.store.statuses import OVER
from lockstep.service.store.tables import history, jobs, replays, weights
from lockstep.service.store.transitions import JOBS

MAX_CHUNKS = 64
"""Of history that go in one transaction: half a megabyte each at most."""

_NAMED = tuple(
    select(column).where(owner == bindparam("job_id"), column.is_not(None))
    for column, owner in (
        (jobs.c.inline_sha256, jobs.c.id),
        (jobs.c.start_sha256, jobs.c.id),
        (weights.c.sha256, weights.c.job_id),
        (replays.c.result_sha256, replays.c.job_id),
    )
)
_REMOVE = delete(jobs).where(jobs.c.id == bindparam("job_id"), JOBS.are(*OVER))
_KEY = (history.c.job_id, history.c.series, history.c.first_step)
_SOME = (
    select(*_KEY)
    .join(jobs, jobs.c.id == history.c.job_id)
    .where(history.c.job_id == bindparam("job_id"), JOBS.are(*OVER))
    .order_by(history.c.series, history.c.first_step)
    .limit(bindparam("most"))
)


def remove(tx: Connection, job_id: str) -> frozenset[str]:
    """Remove a job that is over: whatever belongs to its row goes with it; one that is not over stays.

    Returns the names of its blobs, which others may name as well: left_blobs.take_out tells.
    """
    found = [name for query in _NAMED for name in tx.execute(query, {"job_id": job_id}).scalars()]
    gone = tx.execute(_REMOVE, {"job_id": job_id}).rowcount
    return frozenset(name for name in found if name is not None) if gone else frozenset()


def lighten(tx: Connection, job_id: str) -> bool:
    """Take a part of the history out of a job that is to be removed; False where the rest can go at once.

    A job may have recorded gigabytes, and others wait for a transaction.
    """
    found = tx.execute(_SOME, {"job_id": job_id, "most": MAX_CHUNKS + 1}).all()
    if len(found) <= MAX_CHUNKS:
        return False
    tx.execute(delete(history).where(tuple_(*_KEY).in_([tuple(key) for key in found[:MAX_CHUNKS]])))
    return True
