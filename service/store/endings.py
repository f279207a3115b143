"""What the holder of a claim and the user do to a job: progress, and its endings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import (
    attempts,
    claims,
    counted,
    counters,
    events,
    jobs,
    points,
    resting,
    turns,
    verifying,
)
from lockstep.service.store.errors import Refused
from lockstep.service.store.events import by_key
from lockstep.service.store.jobs import Job, not_found
from lockstep.service.store.leases import JobFence
from lockstep.service.store.lifecycle import StatusChange
from lockstep.service.store.statuses import OVER
from lockstep.service.store.tables import jobs as table
from lockstep.service.store.transitions import JOBS


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an attempt is: `step` steps are done, `members` work on it now, the lead included.

    `most` of them were there at once. `seats`: the members that the lead would have now, and `seat_gain` what
    one more is worth: see worker/advice.py. `advised`: the number of members at which another one stops
    paying, None while that is not known. `first_step_seconds`: from the claim to the end of the attempt's
    first step, as the worker measured it. `new_steps`: done since it told the last time.
    """

    step: int
    epoch: int
    members: int = 1
    most: int = 1
    seats: int | None = None
    seat_gain: float | None = None
    advised: int | None = None
    steps_per_second: float | None = None
    first_step_seconds: float | None = None
    new_steps: int = 0


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
TURN_OVER = Release(
    reason="turn_over",
    message="Others waited for a worker, and its turn was over; it goes on from its checkpoint.",
)
DATABASE_FAILED = Release(
    reason="database_failed",
    message="The database refused what its worker had to write; it goes on from its checkpoint.",
)
DISK_FULL = Release(
    reason="disk_full",
    message="The disk of the database was full; it goes on from its checkpoint.",
)

_ASK = select(table.c.status, table.c.owner_id).where(table.c.id == bindparam("job_id")).with_for_update()
_BY_USER = {
    change: JOBS.update_by(change, table.c.id == bindparam("job_id"))
    for change in JOBS.changes
    if change.who == "user" and change.sources
}


def record_progress(fence: JobFence, progress: Progress) -> None:
    """Show how far the job is."""
    counters.count(fence.tx, counted.STEPS, progress.new_steps)
    change(
        fence,
        "progress",
        {
            "done": progress.step,
            "in_epoch": progress.epoch,
            "members": progress.members,
            "most": progress.most,
            "seats": progress.seats,
            "seat_gain": progress.seat_gain,
            "advised": progress.advised,
            "speed": progress.steps_per_second,
            "first_step_seconds": progress.first_step_seconds,
        },
    )


def succeed(fence: JobFence, result: Mapping[str, object]) -> None:
    """End the job well. `result` is the contract's; it may hold NaN. Raises Refused once it is cancelled.

    Of a job that verifies another an event says in words what came of it.
    """
    change(fence, "succeed", {"result": json.dumps(dict(result)), "reason": result.get("stop_reason")})
    claim = fence.claim
    if claim.verification is not None:
        verifying.tell(fence.tx, claim.job_id, claim.verification, result)


def fail(fence: JobFence, failure: Failure) -> None:
    """End the job badly. Raises Refused once it is cancelled."""
    values = {"reason": failure.code, "message": events.clean(failure.message), "param": failure.param}
    change(fence, "fail", values)


def finish_cancel(fence: JobFence) -> None:
    """End the job as its user asked. Raises Refused where that was not asked."""
    change(fence, "finish_cancel", {})


def leave(fence: JobFence) -> str:
    """End the claim as the user has asked (Fence.asked), and return the job's status then.

    Raises Refused where nothing was asked.
    """
    return str(change(fence, f"finish_{fence.asked}", {}).target)


def release(fence: JobFence, why: Release = DRAINED) -> None:
    """Give the claim back: the job is queued again, or paused or cancelled if that was asked."""
    change(fence, "release", {"reason": why.reason, "message": why.message})
    if why is TURN_OVER:
        turns.serve(fence.tx, fence.claim.job_id)


def request(tx: Connection, act: str, job_id: str, owner: str | None, by: str | None = None) -> Job:
    """Do what its user may do to a job, such as "cancel"; nothing where its status has no such change.

    `by`: the id of the key that asks. Returns the job as it is then; raises NotFound, and Refused where it
    is to go on, now or later, and ends or is over.
    """
    row = tx.execute(_ASK, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    made = JOBS.change(act, row.status)
    if made is not None:
        tx.execute(_BY_USER[made], {"job_id": job_id})
        points.ASKED.reach()
        events.note(tx, job_id, made, {}, by_key(by))
    elif act != "cancel":
        _require_unended(job_id, row.status, act)
    return jobs.get(tx, job_id, owner)


def _require_unended(job_id: str, status: str, act: str) -> None:
    if JOBS.phases[status] in OVER:
        raise Refused(
            "job_over", f"expected a job that is not over, to {act} it, and {job_id} is {status}: clone it"
        )
    if JOBS.asked(status) == "cancel":
        raise Refused("job_cancelling", f"{job_id} is {status}, which nothing takes back: clone it")


def change(fence: JobFence, act: str, values: Mapping[str, object]) -> StatusChange:
    made = claims.change(fence, act, values)
    points.CHANGED.reach()
    if made.outcome is not None:
        drained = values.get("reason") == DRAINED.reason
        attempts.close(fence.tx, fence.claim.job_id, fence.claim.attempt, made.outcome, drained=drained)
        resting.note_ended(fence.tx, fence.claim.worker.host)
    events.note(fence.tx, fence.claim.job_id, made, values)
    return made
