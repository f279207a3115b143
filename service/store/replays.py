"""Questions about a step of a job, which a worker answers by computing up to that step again.

A question is asked once and its answer kept for the next who asks. A worker claims it with a lease; `tries`
is the fencing token, so the answer of one that was given up is not written.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from lockstep.service.store import blobs
from lockstep.service.store.database import clock, insert_or_ignore
from lockstep.service.store.errors import Fenced
from lockstep.service.store.events import clean
from lockstep.service.store.ids import new_id
from lockstep.service.store.leases import WorkerIdentity
from lockstep.service.store.tables import jobs, replays

Question = Literal["gradients", "walk"]

MOST_TRIES = 3
ASK_AGAIN_SECONDS = 10.0
"""A question that could not be answered may be asked anew after so long."""
LOST = f"{MOST_TRIES} workers died over it; try another step"


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


@dataclass(frozen=True, kw_only=True)
class ReplayClaim:
    """The right to answer a question, for the `tries`-th time."""

    id: str
    asked: Asked
    tries: int
    lease_seconds: float


_SAME = (
    replays.c.job_id == bindparam("of_job"),
    replays.c.question == bindparam("asked"),
    replays.c.step == bindparam("at_step"),
    replays.c.sample == bindparam("of_sample"),
)
_FIND = select(replays.c.status, replays.c.result_sha256, replays.c.error_message).where(*_SAME)
_AGAIN = (
    update(replays)
    .where(*_SAME, replays.c.status == "failed", replays.c.finished_at < clock() - ASK_AGAIN_SECONDS)
    .values(status="queued", tries=0, error_message=None, finished_at=None, requested_at=clock())
)
_ASK_ANEW = (
    update(replays)
    .where(*_SAME, replays.c.status == "done", replays.c.result_sha256 == bindparam("damaged"))
    .values(status="queued", tries=0, result_sha256=None, finished_at=None, requested_at=clock())
)
_free = or_(
    replays.c.status == "queued",
    and_(replays.c.status == "running", replays.c.lease_expires_at <= clock()),
)
_given_up = and_(
    replays.c.status == "running",
    replays.c.lease_expires_at <= clock(),
    replays.c.tries >= MOST_TRIES,
)
_unclaimed = {"worker_id": None, "lease_expires_at": None}
_GIVE_UP = (
    update(replays)
    .where(_given_up)
    .values(status="failed", error_message=LOST, finished_at=clock(), **_unclaimed)
)
_others = replays.alias("others")
_oldest = (
    select(_others.c.id)
    .join_from(_others, jobs, jobs.c.id == _others.c.job_id)
    .where(
        _others.c.finished_at.is_(None),
        or_(_others.c.status == "queued", _others.c.lease_expires_at <= clock()),
        jobs.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
    )
    .order_by(_others.c.id)
    .limit(1)
    .with_for_update(skip_locked=True, of=_others)
    .scalar_subquery()
)
_CLAIM = (
    update(replays)
    .where(replays.c.id == _oldest, _free)
    .values(
        status="running",
        tries=replays.c.tries + 1,
        worker_id=bindparam("worker"),
        lease_expires_at=clock() + bindparam("lease_seconds"),
    )
    .returning(
        replays.c.id,
        replays.c.job_id,
        replays.c.question,
        replays.c.step,
        replays.c.sample,
        replays.c.tries,
    )
)
_mine = (
    replays.c.id == bindparam("replay"),
    replays.c.tries == bindparam("mine"),
    replays.c.status == "running",
)
_RENEW = update(replays).where(*_mine).values(lease_expires_at=clock() + bindparam("lease_seconds"))
_FINISH = (
    update(replays)
    .where(*_mine)
    .values(status="done", result_sha256=bindparam("sha256"), finished_at=clock(), **_unclaimed)
)
_FAIL = (
    update(replays)
    .where(*_mine)
    .values(status="failed", error_message=bindparam("message"), finished_at=clock(), **_unclaimed)
)
_RELEASE = update(replays).where(*_mine).values(status="queued", tries=replays.c.tries - 1, **_unclaimed)
_WAITING = (
    select(func.count())
    .select_from(replays)
    .join(jobs, jobs.c.id == replays.c.job_id)
    .where(
        replays.c.finished_at.is_(None),
        replays.c.status == "queued",
        jobs.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
    )
)


def ask(tx: Connection, asked: Asked) -> Replay:
    """Ask, unless that was asked before; returns how far it is. Whether the step is done the caller knows."""
    found = find(tx, asked)
    if found is not None and found.status != "failed":
        return found
    tx.execute(_AGAIN, _key(asked))
    row = {"job_id": asked.job_id, "question": asked.question, "step": asked.step, "sample": asked.sample}
    statement = insert_or_ignore(tx, replays).values(requested_at=clock())
    tx.execute(statement, {"id": new_id("replay"), **row, "status": "queued", "tries": 0})
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
    row = tx.execute(_CLAIM, {**identity, "lease_seconds": lease_seconds}).one_or_none()
    if row is None:
        return None
    return ReplayClaim(
        id=row.id,
        asked=Asked(job_id=row.job_id, question=row.question, step=row.step, sample=row.sample),
        tries=row.tries,
        lease_seconds=lease_seconds,
    )


def renew(tx: Connection, claim: ReplayClaim) -> None:
    """Let the lease run for its full length from now on; raises Fenced where somebody else has it."""
    if tx.execute(_RENEW, {**_mine_of(claim), "lease_seconds": claim.lease_seconds}).rowcount != 1:
        raise _fenced(claim)


def finish(tx: Connection, claim: ReplayClaim, found: bytes) -> None:
    """Keep the answer; raises Fenced."""
    if tx.execute(_FINISH, {**_mine_of(claim), "sha256": blobs.put(tx, found)}).rowcount != 1:
        raise _fenced(claim)


def fail(tx: Connection, claim: ReplayClaim, message: str) -> None:
    """Say why there is no answer; raises Fenced."""
    if tx.execute(_FAIL, {**_mine_of(claim), "message": clean(message)}).rowcount != 1:
        raise _fenced(claim)


def release(tx: Connection, claim: ReplayClaim) -> None:
    """Leave the question to somebody else: the worker is needed elsewhere. Does not count as a try."""
    if tx.execute(_RELEASE, _mine_of(claim)).rowcount != 1:
        raise _fenced(claim)


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


def _mine_of(claim: ReplayClaim) -> dict[str, object]:
    return {"replay": claim.id, "mine": claim.tries}


def _fenced(claim: ReplayClaim) -> Fenced:
    return Fenced(f"try {claim.tries} at replay {claim.id} is over: stop it")
