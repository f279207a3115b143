"""Jobs that no present worker may take: there is none, or none of the fingerprint that they began with."""

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from lockstep.core.spec.arithmetic import advanced
from lockstep.service.store import events
from lockstep.service.store.database import clock
from lockstep.service.store.events import NewEvent
from lockstep.service.store.outdated import is_outdated, number_of
from lockstep.service.store.tables import jobs, workers

PRESENT_SECONDS = 15.0
"""A worker that was heard of so lately is present."""
NO_WORKER = "no_worker"
NO_WORKER_MESSAGE = (
    "No worker is running. Start one with `lockstep worker`, or everything with `lockstep up`; "
    "where one should run and does not, its log says why."
)
REASON = "numerics_unavailable"
MESSAGE = (
    "No present worker computes the same bits as the one that began this job. Start a worker of its version "
    "of Lockstep on a machine like it, or pin OPENBLAS_CORETYPE, NPY_DISABLE_CPU_FEATURES and GLIBC_TUNABLES "
    "alike on all of them: `lockstep doctor --numerics` shows which of the three differs."
)


def mark_unavailable(tx: Connection) -> None:
    """Give queued jobs the reason numerics_unavailable where it holds, and take it away where it does not."""
    for job_id in _set_reason(tx, _FIT_FOR_NOBODY, REASON, MESSAGE):
        events.append(tx, job_id, NewEvent(type=REASON, message=MESSAGE, level="warning"))
    _set_reason(tx, _FIT_AGAIN, None, None)


def mark_no_worker(tx: Connection) -> None:
    """Give queued jobs the reason no_worker where no worker is present, and take it away where one is."""
    if tx.execute(_ANY_PRESENT).first() is None:
        _set_reason(tx, _NOT_TOLD_SO, NO_WORKER, NO_WORKER_MESSAGE)
    else:
        _set_reason(tx, _TOLD_SO, None, None)


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


_BEGAN = select(jobs.c.fingerprint, number_of.label("number")).where(jobs.c.id == bindparam("job_id"))


_ANY_PRESENT = select(workers.c.id).where(present()).limit(1)
_TOLD_SO = and_(jobs.c.status == "queued", jobs.c.status_reason == NO_WORKER)
_NOT_TOLD_SO = and_(jobs.c.status == "queued", jobs.c.status_reason.is_distinct_from(NO_WORKER))
_has_worker = select(workers.c.id).where(workers.c.fingerprint == jobs.c.fingerprint, present()).exists()
_FIT_FOR_NOBODY = and_(
    jobs.c.status == "queued",
    jobs.c.fingerprint.is_not(None),
    ~is_outdated,
    or_(jobs.c.status_reason.is_(None), jobs.c.status_reason != REASON),
    ~_has_worker,
)
_FIT_AGAIN = and_(jobs.c.status == "queued", jobs.c.status_reason == REASON, _has_worker)


def _set_reason(
    tx: Connection, condition: ColumnElement[bool], reason: str | None, message: str | None
) -> list[str]:
    # Rows that others hold are skipped: two who marked in different order would wait for each other.
    found = tx.execute(select(jobs.c.id).where(condition).with_for_update(skip_locked=True, of=jobs))
    job_ids = list(found.scalars())
    if job_ids:
        tx.execute(
            update(jobs)
            .where(jobs.c.id.in_(job_ids), jobs.c.status == "queued")
            .values(
                status_reason=reason,
                status_message=message,
                version=jobs.c.version + 1,
                updated_at=clock(),
            )
        )
    return job_ids
