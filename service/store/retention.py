"""What has been kept long enough: found in a snapshot, taken out in short transactions.

Any number of processes may do so at once: what is gone is passed over, and what changed meanwhile stays.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, and_, bindparam, case, delete, func, not_, or_, select

from lockstep.service.store import left_blobs, removal
from lockstep.service.store.database import clock
from lockstep.service.store.tables import checkpoints, idempotency_keys, jobs, replays
from lockstep.service.store.transitions import JOBS


@dataclass(frozen=True, kw_only=True)
class CheckpointOf:
    """A checkpoint of a job that is over."""

    job_id: str
    step: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class KeyOf:
    """An Idempotency-Key of an owner."""

    owner_id: str
    key: str


_age: BindParameter[float] = bindparam("age")
_later = checkpoints.alias("later")
_number_later = (
    select(func.count())
    .select_from(_later)
    .where(_later.c.job_id == checkpoints.c.job_id, _later.c.step > checkpoints.c.step)
    .scalar_subquery()
)
_latest_kept = func.coalesce(jobs.c.keep_last, case((JOBS.are("undone"), 1), else_=0))
SPENT_CHECKPOINT = and_(
    jobs.c.finished_at < clock() - _age,
    not_(or_(checkpoints.c.regular, checkpoints.c.best)),
    _number_later >= _latest_kept,
)
"""Of a job that is over, but not its last where it left no result, nor what its spec asks to keep."""
OLD_ANSWER = replays.c.finished_at < clock() - _age
OLD_KEY = idempotency_keys.c.created_at < clock() - _age
OLD_JOB = jobs.c.finished_at < clock() - _age

_CHECKPOINTS = (
    select(checkpoints.c.job_id, checkpoints.c.step, checkpoints.c.size_bytes)
    .join_from(checkpoints, jobs, jobs.c.id == checkpoints.c.job_id)
    .where(SPENT_CHECKPOINT)
    .order_by(checkpoints.c.job_id, checkpoints.c.step)
    .limit(bindparam("most"))
)
_DROP_CHECKPOINT = delete(checkpoints).where(
    checkpoints.c.job_id == bindparam("of_job"), checkpoints.c.step == bindparam("of_step")
)
_ANSWERS = select(replays.c.id).where(OLD_ANSWER).order_by(replays.c.finished_at).limit(bindparam("most"))
_among = replays.c.id.in_(bindparam("ids", expanding=True))
_LOCK_ANSWERS = (
    select(replays.c.id, replays.c.result_sha256)
    .where(_among, OLD_ANSWER)
    .order_by(replays.c.id)
    .with_for_update(skip_locked=True)
)
_DROP_ANSWERS = delete(replays).where(_among)
_KEYS = (
    select(idempotency_keys.c.owner_id, idempotency_keys.c.key)
    .where(OLD_KEY)
    .order_by(idempotency_keys.c.created_at)
    .limit(bindparam("most"))
)
_DROP_KEY = delete(idempotency_keys).where(
    idempotency_keys.c.owner_id == bindparam("of_owner"),
    idempotency_keys.c.key == bindparam("sent"),
    OLD_KEY,
)
_JOBS = select(jobs.c.id).where(OLD_JOB).order_by(jobs.c.finished_at).limit(bindparam("most"))


def spent_checkpoints(tx: Connection, age_seconds: float, most: int) -> list[CheckpointOf]:
    """Checkpoints of jobs that have been over for so long, which nobody has asked to keep."""
    rows = tx.execute(_CHECKPOINTS, {"age": age_seconds, "most": most})
    return [CheckpointOf(job_id=row.job_id, step=row.step, size_bytes=row.size_bytes) for row in rows]


def drop_checkpoints(tx: Connection, found: Sequence[CheckpointOf]) -> None:
    """Take them out. What was spent stays so: a job that is over does not go on."""
    tx.execute(_DROP_CHECKPOINT, [{"of_job": each.job_id, "of_step": each.step} for each in found])


def old_answers(tx: Connection, age_seconds: float, most: int) -> list[str]:
    """The ids of questions about steps that were answered, or failed, so long ago."""
    return list(tx.execute(_ANSWERS, {"age": age_seconds, "most": most}).scalars())


def drop_answers(tx: Connection, ids: Collection[str], age_seconds: float) -> None:
    """Take them out with their blobs, unless they were asked anew meanwhile."""
    old = tx.execute(_LOCK_ANSWERS, {"ids": list(ids), "age": age_seconds}).all()
    tx.execute(_DROP_ANSWERS, {"ids": [row.id for row in old]})
    _take_out_blobs(tx, {row.result_sha256 for row in old if row.result_sha256 is not None})


def old_keys(tx: Connection, age_seconds: float, most: int) -> list[KeyOf]:
    """Idempotency-Keys that were first sent so long ago."""
    rows = tx.execute(_KEYS, {"age": age_seconds, "most": most})
    return [KeyOf(owner_id=row.owner_id, key=row.key) for row in rows]


def drop_keys(tx: Connection, found: Sequence[KeyOf], age_seconds: float) -> None:
    """Forget them: a POST with such a key makes a new job."""
    tx.execute(
        _DROP_KEY, [{"of_owner": each.owner_id, "sent": each.key, "age": age_seconds} for each in found]
    )


def old_jobs(tx: Connection, age_seconds: float, most: int) -> list[str]:
    """The ids of jobs that have been over for so long, the oldest first."""
    return list(tx.execute(_JOBS, {"age": age_seconds, "most": most}).scalars())


def drop_job(tx: Connection, job_id: str) -> None:
    """Remove a job that is over, with its blobs, where nobody else names them."""
    _take_out_blobs(tx, removal.remove(tx, job_id))


def _take_out_blobs(tx: Connection, names: Collection[str]) -> None:
    if names:
        left_blobs.take_out(tx, names)
