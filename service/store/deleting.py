"""The end of a job's record. Its blobs go later, with those that nothing names any more (left_blobs.py)."""

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import removal
from lockstep.service.store.errors import Refused
from lockstep.service.store.jobs import not_found
from lockstep.service.store.statuses import OVER
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS

_ASK = select(jobs.c.owner_id, jobs.c.status).where(jobs.c.id == bindparam("job_id")).with_for_update()


def delete_job(tx: Connection, job_id: str, owner: str | None) -> None:
    """Delete a job that is over, with all that it recorded and learned; raises NotFound and Refused.

    Others name it at most by its id: those that verify it, were cloned from it, or began with its weights.
    """
    row = tx.execute(_ASK, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    if JOBS.phases[row.status] not in OVER:
        message = f"expected a job that is over, and {job_id} is {row.status}: cancel it, or wait for its end"
        raise Refused("job_not_over", message)
    removal.remove(tx, job_id)
