"""Jobs that no present worker may take: there is none, or none of the fingerprint that they began with."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from lockstep.core.ground.arithmetic import advanced
from lockstep.service.parts import CORE_TYPE, FEATURES, NAMES, PINS, SHOWN_DIGITS, TUNABLES
from lockstep.service.store import events
from lockstep.service.store.database import clock
from lockstep.service.store.events import NewEvent
from lockstep.service.store.job_conditions import OUTDATED, begun_by
from lockstep.service.store.job_reasons import WAITING_FOR_WORKER
from lockstep.service.store.lifecycle import Columns
from lockstep.service.store.tables import jobs, workers
from lockstep.service.store.transitions import JOBS

MAX_AT_ONCE = 1000
"""A database takes only so many parameters; the next tick sees to the rest."""
PRESENT_SECONDS = 15.0
"""A worker that was heard of so lately is present."""
NO_WORKER = "no_worker"
NO_WORKER_MESSAGE = (
    "No worker is running. Start one with `lockstep worker`, or everything with `lockstep up`; "
    "where one should run and does not, its log says why."
)
REASON = "numerics_unavailable"
_NOBODY = "No present worker computes the same bits as the one that began this job."
MESSAGE = (
    f"{_NOBODY} Start a worker of its version of Lockstep on a machine like it, or pin {CORE_TYPE}, "
    f"{FEATURES} and {TUNABLES} alike on all of them: `lockstep doctor --numerics` shows which of the three "
    "differs."
)


def mark_unavailable(tx: Connection, parts: Mapping[str, str]) -> None:
    """Give queued jobs the reason numerics_unavailable where it holds, and take it away where it does not.

    Not those that verify others, which wait for such a worker for a while only (verifying.py).
    `parts`: a hash for each thing that decides the bits of a worker that is present; the message says in
    which of them it differs from the job's.
    """
    for job_id in _set_reason(tx, _FIT_FOR_NOBODY, REASON, MESSAGE):
        message = message_of(events.numerics(tx, job_id), parts)
        tx.execute(_SAY, {"one": job_id, "message": message})
        events.append(tx, job_id, NewEvent(type=REASON, message=message, level="warning"))
    _set_reason(tx, _FIT_AGAIN, WAITING_FOR_WORKER, None)


def message_of(began: Mapping[str, str], parts: Mapping[str, str]) -> str:
    """What to say of a job that `began` with some parts, where a worker with other ones is present."""
    known = [part for part in NAMES if part in began and part in parts]
    if not known:
        return MESSAGE
    apart = [part for part in known if began[part] != parts[part]]
    if not apart:
        return f"{_NOBODY} BLAS, NumPy and C library are alike: start a worker of its version of Lockstep."
    told = ", ".join(
        f"{NAMES[part]} ({began[part][:SHOWN_DIGITS]} began it, {parts[part][:SHOWN_DIGITS]} is there)"
        for part in apart
    )
    pins = " and ".join(PINS[part] for part in apart)
    return (
        f"{_NOBODY} What differs: {told}. Start a worker on a machine like the first, or pin {pins} alike on "
        "all of them: `lockstep doctor --numerics` shows what a machine has."
    )


def mark_no_worker(tx: Connection) -> None:
    """Give queued jobs the reason no_worker where no worker is present, and take it away where one is."""
    if tx.execute(_ANY_PRESENT).first() is None:
        _set_reason(tx, _NOT_TOLD_SO, NO_WORKER, NO_WORKER_MESSAGE)
    else:
        _set_reason(tx, _TOLD_SO, WAITING_FOR_WORKER, None)


def suits(columns: Columns) -> ColumnElement[bool]:
    """Condition on jobs: they began with the bits of the parameter `fingerprint`, or have not begun."""
    return or_(columns.fingerprint.is_(None), columns.fingerprint == bindparam("fingerprint"))


def present() -> ColumnElement[bool]:
    """Condition on workers: heard of lately."""
    return workers.c.heartbeat_at > clock() - PRESENT_SECONDS


def has_present_worker(tx: Connection, job_id: str) -> bool:
    """Whether a present worker computes the same bits as the one that began the job."""
    began = tx.execute(_BEGAN, {"job_id": job_id}).one_or_none()
    if began is None or began.fingerprint is None:
        return False
    found = select(workers.c.id).where(workers.c.fingerprint == bindparam("wanted"), present())
    return tx.execute(found, {"wanted": advanced(began.fingerprint, began.number)}).first() is not None


_BEGAN = select(jobs.c.fingerprint, begun_by(jobs.c).label("number")).where(jobs.c.id == bindparam("job_id"))


_ANY_PRESENT = select(workers.c.id).where(present()).limit(1)
_SAY = update(jobs).where(jobs.c.id == bindparam("one")).values(status_message=bindparam("message"))
_waits = JOBS.may("explain")
# No reason: versions that knew none for it posted the job.
_TOLD_SO = and_(_waits, or_(jobs.c.status_reason == NO_WORKER, jobs.c.status_reason.is_(None)))
_NOT_TOLD_SO = and_(_waits, jobs.c.status_reason.is_distinct_from(NO_WORKER))
has_worker = select(workers.c.id).where(workers.c.fingerprint == jobs.c.fingerprint, present()).exists()
"""Condition on jobs: a present worker computes the bits that the job was begun with."""
_FIT_FOR_NOBODY = and_(
    _waits,
    jobs.c.verifies.is_(None),
    jobs.c.fingerprint.is_not(None),
    ~OUTDATED.on(jobs.c),
    or_(jobs.c.status_reason.is_(None), jobs.c.status_reason != REASON),
    ~has_worker,
)
_FIT_AGAIN = and_(_waits, jobs.c.verifies.is_(None), jobs.c.status_reason == REASON, has_worker)
_EXPLAIN = JOBS.update("explain", jobs.c.id.in_(bindparam("job_ids", expanding=True)))


def _set_reason(
    tx: Connection, condition: ColumnElement[bool], reason: str | None, message: str | None
) -> list[str]:
    # Rows that others hold are skipped: two who marked in different order would wait for each other.
    wrong = select(jobs.c.id).where(condition).order_by(jobs.c.id).limit(MAX_AT_ONCE)
    found = tx.execute(wrong.with_for_update(skip_locked=True, of=jobs))
    job_ids = list(found.scalars())
    if job_ids:
        tx.execute(_EXPLAIN, {"job_ids": job_ids, "reason": reason, "message": message})
    return job_ids
