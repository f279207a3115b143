"""Which series a job has."""

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store.tables import history

_NAMES = select(history.c.series).where(history.c.job_id == bindparam("job_id")).distinct()


def names(tx: Connection, job_id: str) -> frozenset[str]:
    """The series that have points."""
    return frozenset(tx.execute(_NAMES, {"job_id": job_id}).scalars())
