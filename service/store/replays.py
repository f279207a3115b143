"""Questions about a step of a job, which a worker answers by computing up to that step again.

A question is asked once and its answer kept for the next who asks. A worker claims it with a lease; `tries`
is the fencing token, so the answer of one that was given up is not written.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from sqlalchemy import Connection, Select, bindparam, func, select

from lockstep.service.store import blobs, claims, points
from lockstep.service.store.claims import Claim, Claimable, Fence, WorkerIdentity
from lockstep.service.store.database import insert_or_ignore
from lockstep.service.store.events import clean
from lockstep.service.store.ids import new_id
from lockstep.service.store.jobs import not_found
from lockstep.service.store.replay_transitions import REPLAYS
from lockstep.service.store.tables import jobs, replays

Question = Literal["gradients", "walk"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question: `sample` is a row of the step's batch, 0 where the question is not about one."""

    job_id: str
    question: Question
    step: int
    sample: int = 0


@dataclass(frozen=True, kw_only=True)
class Replay:
    """How far a question is: `result_sha256` once it is done, `error_message` where it failed."""

    status: str
    result_sha256: str | None
    error_message: str | None


_suits = jobs.c.fingerprint.in_(bindparam("fingerprints", expanding=True))
_waiting = replays.alias("waiting")


def _next_row(_dialect: str) -> Select[str]:
    return (
        select(_waiting.c.id)
        .join_from(_waiting, jobs, jobs.c.id == _waiting.c.job_id)
        .where(_waiting.c.finished_at.is_(None), _suits)
        .where(REPLAYS.may("claim", _waiting.c))
        .order_by(_waiting.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=_waiting)
    )


CLAIMABLE = Claimable(
    life=REPLAYS,
    fenced_by="tries",
    next_row=_next_row,
    tells=("id", "job_id", "question", "step", "sample", "tries"),
    thing="replay",
    turn="try",
)


@dataclass(frozen=True, kw_only=True)
class ReplayClaim(Claim):
    """The right to answer a question, for the `tries`-th time."""

    on: ClassVar[Claimable] = CLAIMABLE

    id: str
    asked: Asked
    tries: int

    @property
    def row_id(self) -> str:
        """See Claim."""
        return self.id

    @property
    def token(self) -> int:
        """See Claim."""
        return self.tries


ReplayFence: TypeAlias = Fence[ReplayClaim]

_SAME = (
    replays.c.job_id == bindparam("of_job"),
    replays.c.question == bindparam("asked"),
    replays.c.step == bindparam("at_step"),
    replays.c.sample == bindparam("of_sample"),
)
_FIND = select(replays.c.status, replays.c.result_sha256, replays.c.error_message).where(*_SAME)
_HOLD_JOB = (
    select(jobs.c.id).where(jobs.c.id == bindparam("of_job")).with_for_update(read=True, key_share=True)
)
_ASK_AGAIN = REPLAYS.update("ask_again", *_SAME)
_ASK_ANEW = REPLAYS.update("ask_anew", *_SAME)
_GIVE_UP = REPLAYS.update("give_up")
_WAITING = (
    select(func.count())
    .select_from(replays)
    .join(jobs, jobs.c.id == replays.c.job_id)
    .where(replays.c.finished_at.is_(None), REPLAYS.are("waiting"), _suits)
)


def ask(tx: Connection, asked: Asked) -> Replay:
    """Ask, unless that was asked before; returns how far it is. Whether the step is done the caller knows.

    Raises NotFound where the job was deleted since.
    """
    if tx.execute(_HOLD_JOB, {"of_job": asked.job_id}).first() is None:
        raise not_found(asked.job_id)
    found = find(tx, asked)
    if found is not None and REPLAYS.phases[found.status] != "undone":
        return found
    tx.execute(_ASK_AGAIN, _key(asked))
    row = {"job_id": asked.job_id, "question": asked.question, "step": asked.step, "sample": asked.sample}
    statement = insert_or_ignore(tx, replays).values(**REPLAYS.first("ask"))
    tx.execute(statement, {"id": new_id("replay"), **row})
    asked_now = find(tx, asked)
    if asked_now is None:
        raise RuntimeError(f"the question {asked} is gone as soon as it was asked")
    return asked_now


def find(tx: Connection, asked: Asked) -> Replay | None:
    """How far a question is; None where it was never asked."""
    row = tx.execute(_FIND, _key(asked)).one_or_none()
    if row is None:
        return None
    return Replay(status=row.status, result_sha256=row.result_sha256, error_message=row.error_message)


def answer(tx: Connection, sha256: str) -> bytes:
    """What was found; raises NotFound or Corrupt."""
    return blobs.get(tx, sha256)


def ask_anew(tx: Connection, asked: Asked, damaged: str) -> None:
    """Have a question answered once more whose answer, of that SHA-256, can't be read."""
    tx.execute(_ASK_ANEW, {**_key(asked), "damaged": damaged})


def claim_next(tx: Connection, worker: WorkerIdentity, lease_seconds: float) -> ReplayClaim | None:
    """Take the oldest question about a job of the worker's fingerprint that nobody works on.

    One over which three workers died fails.
    """
    tx.execute(_GIVE_UP)
    fingerprints = [*worker.earlier, worker.fingerprint]
    identity = {"worker": worker.worker_id, "fingerprints": fingerprints}
    row = tx.execute(
        CLAIMABLE.claiming[tx.dialect.name], {**identity, "lease_seconds": lease_seconds}
    ).one_or_none()
    if row is None:
        return None
    points.QUESTION_TAKEN.reach()
    return ReplayClaim(
        id=row.id,
        asked=Asked(job_id=row.job_id, question=row.question, step=row.step, sample=row.sample),
        tries=row.tries,
        worker=worker,
        lease_seconds=lease_seconds,
    )


def finish(fence: ReplayFence, found: bytes) -> None:
    """Keep the answer."""
    sha256 = blobs.put(fence.tx, found)
    points.ANSWER_KEPT.reach()
    claims.change(fence, "finish", {"sha256": sha256})


def fail(fence: ReplayFence, message: str) -> None:
    """Say why there is no answer."""
    claims.change(fence, "fail", {"message": clean(message)})


def release(fence: ReplayFence) -> None:
    """Leave the question to somebody else: the worker is needed elsewhere. Does not count as a try."""
    claims.change(fence, "release", {})


def waiting(tx: Connection, worker: WorkerIdentity) -> int:
    """How many questions that such a worker could answer nobody works on yet."""
    fingerprints = [*worker.earlier, worker.fingerprint]
    count: int = tx.execute(_WAITING, {"fingerprints": fingerprints}).scalar_one()
    return count


def _key(asked: Asked) -> dict[str, object]:
    return {
        "of_job": asked.job_id,
        "asked": asked.question,
        "at_step": asked.step,
        "of_sample": asked.sample,
    }
