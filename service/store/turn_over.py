"""Whether a lead's turn is over: asked with each renewal once it has held its claim for long enough."""

from sqlalchemy import Connection, bindparam, func, select

from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import clock
from lockstep.service.store.fingerprints import present
from lockstep.service.store.giving_way import Head, Holding, leavers
from lockstep.service.store.resting import rests
from lockstep.service.store.statuses import HELD
from lockstep.service.store.tables import jobs, workers
from lockstep.service.store.transitions import JOBS
from lockstep.service.store.turns import heads

_same = jobs.c.fingerprint == bindparam("fingerprint")
_HOLDINGS = select(
    jobs.c.id,
    jobs.c.owner_id,
    jobs.c.priority,
    jobs.c.workers_active,
    (clock() - jobs.c.claimed_at).label("held_seconds"),
    (JOBS.are("working") & _same).label("may_leave"),
).where(JOBS.are(*HELD))
_HEADS = heads()
_FREE = (
    select(func.count())
    .select_from(workers)
    .where(
        workers.c.state != "leading",
        workers.c.fingerprint == bindparam("fingerprint"),
        present(),
        ~rests(workers.c.host),
    )
)
"""Workers that lead nothing: an idle one takes a job by itself, one that helps or replays is freed for it."""


def is_turn_over(tx: Connection, worker: WorkerIdentity, job_id: str, turn_seconds: float) -> bool:
    """Whether the lead of a job, `worker`, is to give its claim back; `turn_seconds` 0: never."""
    if turn_seconds <= 0:
        return False
    holdings = [
        Holding(
            job_id=row.id,
            owner_id=row.owner_id,
            priority=row.priority,
            workers=row.workers_active,
            held_seconds=row.held_seconds,
            may_leave=bool(row.may_leave),
        )
        for row in tx.execute(_HOLDINGS, {"fingerprint": worker.fingerprint})
    ]
    mine = next((each for each in holdings if each.job_id == job_id), None)
    if mine is None or mine.held_seconds < turn_seconds:
        return False
    free: int = tx.execute(_FREE, {"fingerprint": worker.fingerprint}).scalar_one()
    found = tx.execute(_HEADS, {"fingerprint": worker.fingerprint, "host": worker.host})
    waiting = [Head(owner_id=row.owner_id, priority=row.priority) for row in found]
    return job_id in leavers(holdings, waiting, free, turn_seconds)
