"""Jobs that verify others and that no worker can compare: they end, and say why.

Such a job has the fingerprint of the one that it verifies from POST on, so that only a worker which can
compare takes it. Where other workers are present and none of these, it waits a little, says so, and then ends
with `result.not_comparable`: a question of yes or no must not wait for ever. As long as no worker is present
at all, it waits as every job does.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, and_, bindparam, or_, select

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.parts import SHOWN_DIGITS
from lockstep.service.store import events
from lockstep.service.store.database import clock
from lockstep.service.store.events import NewEvent
from lockstep.service.store.fingerprints import REASON, has_worker, present
from lockstep.service.store.job_conditions import OUTDATED, begun_by
from lockstep.service.store.job_reasons import WAITING_FOR_WORKER
from lockstep.service.store.tables import jobs, workers
from lockstep.service.store.transitions import JOBS

NOT_COMPARABLE = "not_comparable"
WAITING_SECONDS = 15.0
"""How long it waits for a worker of its fingerprint while others are present: as long as one that is started
again may be away."""
MAX_AT_ONCE = 100
MAX_TOLD = 3
"""So many fingerprints of present workers are told."""

_waits = and_(JOBS.are("waiting"), jobs.c.verifies.is_not(None))
_somebody = select(workers.c.id).where(workers.c.fingerprint.is_not(None), present()).exists()
_for_nobody = and_(jobs.c.fingerprint.is_not(None), ~has_worker, _somebody)
_told_so = jobs.c.status_reason == REASON
_OVERDUE = and_(_for_nobody, _told_so, jobs.c.updated_at < clock() - WAITING_SECONDS)
_WAITING = (
    select(
        jobs.c.id,
        jobs.c.verifies,
        jobs.c.fingerprint,
        jobs.c.step,
        begun_by(jobs.c).label("number"),
        OUTDATED.on(jobs.c).label("outdated"),
        _OVERDUE.label("overdue"),
    )
    .where(
        _waits,
        or_(
            OUTDATED.on(jobs.c),
            _OVERDUE,
            and_(_for_nobody, jobs.c.status_reason.is_distinct_from(REASON)),
            and_(_told_so, has_worker),
        ),
    )
    .order_by(jobs.c.id)
    .limit(MAX_AT_ONCE)
    .with_for_update(skip_locked=True, of=jobs)
)
_FITS = select(jobs.c.id).where(jobs.c.id == bindparam("job_id"), has_worker)
_PRESENT = (
    select(workers.c.fingerprint)
    .where(workers.c.fingerprint.is_not(None), present())
    .distinct()
    .order_by(workers.c.fingerprint)
)
_EXPLAIN = JOBS.update("explain", jobs.c.id == bindparam("job_id"))
_LEAVE = JOBS.update("leave_uncompared", jobs.c.id == bindparam("job_id"))


def settle(tx: Connection) -> list[str]:
    """End the waiting jobs that no worker can compare, and say of others why they wait; ids of the ended.

    At most 100 at once.
    """
    ended: list[str] = []
    for row in tx.execute(_WAITING).all():
        if row.outdated:
            leave(tx, row.id, row.step, _outdated(row.verifies, row.number))
            ended.append(row.id)
        elif row.overdue:
            leave(tx, row.id, row.step, _apart(tx, row.verifies, row.fingerprint))
            ended.append(row.id)
        elif tx.execute(_FITS, {"job_id": row.id}).first() is not None:
            tx.execute(_EXPLAIN, {"job_id": row.id, "reason": WAITING_FOR_WORKER, "message": None})
        else:
            _say_why_it_waits(tx, row.id, _apart(tx, row.verifies, row.fingerprint))
    return ended


def leave(tx: Connection, job_id: str, step: int, why: str) -> None:
    """End a queued job that verifies another, because nobody can compare."""
    result = {
        "steps": step,
        "stop_reason": NOT_COMPARABLE,
        "loss": None,
        "metrics": {},
        "parameters": None,
        "weights_sha256": None,
        "not_comparable": why,
    }
    if record(tx, job_id, result):
        events.append(tx, job_id, NewEvent(type=NOT_COMPARABLE, message=why, level="warning"))


def record(tx: Connection, job_id: str, result: Mapping[str, object]) -> bool:
    """End the job with that result; False where it is none that waits to verify another."""
    if tx.execute(_LEAVE, {"job_id": job_id, "result": json.dumps(dict(result))}).rowcount == 0:
        return False
    (made,) = JOBS.of_act("leave_uncompared")
    events.note(tx, job_id, made, {})
    return True


def _say_why_it_waits(tx: Connection, job_id: str, why: str) -> None:
    message = (
        f"{why} Unless a worker like that comes within {WAITING_SECONDS:.0f} s, this ends as not comparable."
    )
    tx.execute(_EXPLAIN, {"job_id": job_id, "reason": REASON, "message": message})
    events.append(tx, job_id, NewEvent(type=REASON, message=message, level="warning"))


def _apart(tx: Connection, verifies: str, fingerprint: str) -> str:
    there = [each[:SHOWN_DIGITS] for each in tx.execute(_PRESENT).scalars() if each is not None]
    shown = ", ".join(there[:MAX_TOLD]) + (f" and {len(there) - MAX_TOLD} more" if there[MAX_TOLD:] else "")
    return (
        f"{verifies} was computed with the fingerprint {fingerprint[:SHOWN_DIGITS]}, and the workers "
        f"that are present have {shown}: other numerics or another version of Lockstep, which give other "
        "bits. `lockstep doctor --numerics` shows what a machine has."
    )


def _outdated(verifies: str, number: int) -> str:
    return (
        f"This job waited to be computed by arithmetic {number}, and this version of Lockstep has "
        f"{ARITHMETIC}. Verify {verifies} again: what has changed since may not concern it."
    )
