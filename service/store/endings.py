"""What the holder of a claim and the user do to a job: progress, and its endings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, func, select, update

from lockstep.service.store import attempts, events, jobs
from lockstep.service.store.database import clock
from lockstep.service.store.errors import NotFound, Refused
from lockstep.service.store.jobs import Job
from lockstep.service.store.leases import Fence
from lockstep.service.store.statuses import Status
from lockstep.service.store.tables import jobs as table


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an attempt is: `step` steps are done, `members` work on it now, the lead included.

    `first_step_seconds`: from the claim to the end of the attempt's first step, as the worker measured it.
    """

    step: int
    epoch: int
    members: int = 1
    steps_per_second: float | None = None
    first_step_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed: one of the contract's codes, a sentence, and the part of the spec at fault."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, kw_only=True)
class Release:
    """Why a claim is given back: a word for programs and a sentence."""

    reason: str
    message: str


DRAINED = Release(
    reason="worker_drained",
    message="Its worker was stopped in good order; it goes on from its checkpoint.",
)
DATABASE_FAILED = Release(
    reason="database_failed",
    message="The database refused what its worker had to write; it goes on from its checkpoint.",
)

_mine = (
    table.c.id == bindparam("job_id"),
    table.c.attempt == bindparam("mine"),
)
_visible = {"version": table.c.version + 1, "updated_at": clock()}
_unclaimed: dict[str, Any] = {
    "worker_id": None,
    "worker_pid": None,
    "lease_expires_at": None,
    "workers_active": 0,
    "steps_per_second": None,
    **_visible,
}
_first_step = func.coalesce(table.c.claimed_at + bindparam("first_step_seconds"), clock())
_PROGRESS = (
    update(table)
    .where(*_mine, table.c.status.in_(("running", "cancelling")))
    .values(
        step=bindparam("done"),
        epoch=bindparam("in_epoch"),
        workers_active=bindparam("members"),
        steps_per_second=bindparam("speed"),
        first_step_at=func.coalesce(
            table.c.first_step_at, case((bindparam("done") > 0, _first_step), else_=None)
        ),
        **_visible,
    )
)
_SUCCEED = (
    update(table)
    .where(*_mine, table.c.status == "running")
    .values(
        status="succeeded",
        status_reason=bindparam("reason"),
        status_message=None,
        result_json=bindparam("result"),
        finished_at=clock(),
        **_unclaimed,
    )
)
_FAIL = (
    update(table)
    .where(*_mine, table.c.status == "running")
    .values(
        status="failed",
        status_reason=bindparam("code"),
        status_message=bindparam("message"),
        error_code=bindparam("code"),
        error_message=bindparam("message"),
        error_param=bindparam("param"),
        finished_at=clock(),
        **_unclaimed,
    )
)
_FINISH_CANCEL = (
    update(table)
    .where(*_mine, table.c.status == "cancelling")
    .values(status="cancelled", status_reason="cancel_requested", finished_at=clock(), **_unclaimed)
)
_RELEASE = (
    update(table)
    .where(*_mine, table.c.status == "running")
    .values(
        status="queued",
        status_reason=bindparam("reason"),
        status_message=bindparam("message"),
        attempt=table.c.attempt + 1,
        ring_due_at=clock(),
        rings=0,
        **_unclaimed,
    )
)
_ASK = select(table.c.status, table.c.owner_id).where(table.c.id == bindparam("job_id")).with_for_update()
_CANCEL_QUEUED = (
    update(table)
    .where(table.c.id == bindparam("job_id"), table.c.status == "queued")
    .values(
        status="cancelled",
        status_reason="cancel_requested",
        status_message=None,
        finished_at=clock(),
        **_visible,
    )
)
_CANCEL_RUNNING = (
    update(table)
    .where(table.c.id == bindparam("job_id"), table.c.status == "running")
    .values(status="cancelling", status_reason="cancel_requested", **_visible)
)


def record_progress(fence: Fence, progress: Progress) -> None:
    """Show how far the job is."""
    fence.tx.execute(
        _PROGRESS,
        {
            **_keys(fence),
            "done": progress.step,
            "in_epoch": progress.epoch,
            "members": progress.members,
            "speed": progress.steps_per_second,
            "first_step_seconds": progress.first_step_seconds,
        },
    )


def succeed(fence: Fence, result: Mapping[str, object]) -> None:
    """End the job well. `result` is the contract's; it may hold NaN. Raises Refused once cancelling."""
    reason = result.get("stop_reason")
    values = {"result": json.dumps(dict(result)), "reason": reason}
    _end(fence, _SUCCEED, "succeeded", None if reason is None else str(reason), values)


def fail(fence: Fence, failure: Failure) -> None:
    """End the job badly. Raises Refused once cancelling."""
    values = {"code": failure.code, "message": events.clean(failure.message), "param": failure.param}
    _end(fence, _FAIL, "failed", failure.code, values)


def finish_cancel(fence: Fence) -> None:
    """End the job as its user asked. Raises Refused where nobody asked."""
    _end(fence, _FINISH_CANCEL, "cancelled", "cancel_requested", {})


def release(fence: Fence, why: Release = DRAINED) -> None:
    """Give the claim back: the job is queued again, or cancelled if that was asked."""
    if fence.cancel_requested:
        finish_cancel(fence)
        return
    values = {"reason": why.reason, "message": why.message}
    if fence.tx.execute(_RELEASE, {**_keys(fence), **values}).rowcount != 1:
        raise _refused(fence, "queued")
    attempts.close(fence.tx, fence.claim.job_id, fence.claim.attempt, "released")
    events.append_status(fence.tx, fence.claim.job_id, "queued", why.reason)


def request_cancel(tx: Connection, job_id: str, owner: str | None) -> Job:
    """Ask for a job's end: a queued one is over at once, a running one soon. Repeats change nothing.

    Returns the job as it is then; raises NotFound.
    """
    row = tx.execute(_ASK, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise NotFound(f"no job has the id {job_id!r}: GET /v1/jobs lists those that this key may see")
    if row.status == "queued":
        tx.execute(_CANCEL_QUEUED, {"job_id": job_id})
        events.append_status(tx, job_id, "cancelled", "cancel_requested")
    elif row.status == "running":
        tx.execute(_CANCEL_RUNNING, {"job_id": job_id})
        events.append_status(tx, job_id, "cancelling", "cancel_requested")
    return jobs.get(tx, job_id, owner)


def _end(
    fence: Fence, statement: Update, status: Status, reason: str | None, values: Mapping[str, object]
) -> None:
    claim = fence.claim
    if fence.tx.execute(statement, {**_keys(fence), **values}).rowcount != 1:
        raise _refused(fence, status)
    attempts.close(fence.tx, claim.job_id, claim.attempt, status)
    events.append_status(fence.tx, claim.job_id, status, reason)


def _keys(fence: Fence) -> dict[str, object]:
    return {"job_id": fence.claim.job_id, "mine": fence.claim.attempt}


def _refused(fence: Fence, status: Status) -> Refused:
    now = "cancelling" if fence.cancel_requested else "running"
    return Refused(
        f"job_{now}",
        f"job {fence.claim.job_id} is {now}: it can't become {status}; look at Fence.cancel_requested",
    )
