"""The end of an attempt's row: who ended it does not matter, its secret goes, its members have left."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, bindparam, case, select, update

from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import AttemptOutcome
from lockstep.service.store.tables import attempts, jobs, members

_CLOSE = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.number == bindparam("attempt"),
        attempts.c.ended_at.is_(None),
    )
    .values(ended_at=clock(), outcome=bindparam("how"), secret=None)
)
_step = select(jobs.c.step).where(jobs.c.id == bindparam("of_job")).scalar_subquery()
_SEE_OFF = (
    update(members)
    .where(
        members.c.job_id == bindparam("of_job"),
        members.c.attempt == bindparam("of_attempt"),
        members.c.left_step.is_(None),
    )
    .values(
        left_step=_step,
        left_how=case((members.c.role == "lead", bindparam("lead_left")), else_=bindparam("helper_left")),
    )
)
_LEAD_LEFT: Mapping[AttemptOutcome, str] = MappingProxyType({"evicted": "died"})
_HELPER_LEFT: Mapping[AttemptOutcome, str] = MappingProxyType({"evicted": "cut"})


def close(
    tx: Connection, job_id: str, attempt: int, outcome: AttemptOutcome, *, drained: bool = False
) -> None:
    """End an attempt, erase the group's secret, and note how those left who were still there.

    `drained`: because its worker was stopped.
    """
    tx.execute(_CLOSE, {"of_job": job_id, "attempt": attempt, "how": outcome})
    tx.execute(
        _SEE_OFF,
        {
            "of_job": job_id,
            "of_attempt": attempt,
            "lead_left": "drained" if drained else _LEAD_LEFT.get(outcome, "released"),
            "helper_left": _HELPER_LEFT.get(outcome, "released"),
        },
    )
