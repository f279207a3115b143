"""The end of an attempt's row: who ended it does not matter, its secret goes."""

from sqlalchemy import Connection, bindparam, update

from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import AttemptOutcome
from lockstep.service.store.tables import attempts

_CLOSE = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.number == bindparam("attempt"),
        attempts.c.ended_at.is_(None),
    )
    .values(ended_at=clock(), outcome=bindparam("how"), secret=None)
)


def close(tx: Connection, job_id: str, attempt: int, outcome: AttemptOutcome) -> None:
    """End an attempt and erase the group's secret."""
    tx.execute(_CLOSE, {"of_job": job_id, "attempt": attempt, "how": outcome})
