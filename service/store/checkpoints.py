"""Checkpoints: what an attempt goes on from, and what its spec asks to keep.

The one of step 0 is kept, the latest two or as many as the spec says, the regular ones, and the best.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from lockstep.service.store import counted, counters, points
from lockstep.service.store.blobs import joined, split
from lockstep.service.store.database import clock, moment
from lockstep.service.store.errors import Corrupt, CorruptCheckpoint
from lockstep.service.store.leases import JobFence
from lockstep.service.store.tables import checkpoint_parts, checkpoints, jobs

KEPT_LATEST = 2
"""At least, while the job runs: one may turn out damaged."""
KeptReason = Literal["start", "last", "best", "every"]
"""Why a checkpoint is there."""

_INSERT = insert(checkpoints).values(created_at=clock())
_STEPS = (
    select(checkpoints.c.step, checkpoints.c.regular, checkpoints.c.best)
    .where(checkpoints.c.job_id == bindparam("job_id"))
    .order_by(checkpoints.c.step)
)
_NO_LONGER_BEST = (
    update(checkpoints)
    .where(checkpoints.c.job_id == bindparam("of_job"), checkpoints.c.best)
    .values(best=False)
)
_LATEST = (
    select(checkpoints.c.step, checkpoints.c.attempt, checkpoints.c.sha256)
    .where(checkpoints.c.job_id == bindparam("job_id"), checkpoints.c.step <= bindparam("at_most"))
    .order_by(checkpoints.c.step.desc())
    .limit(1)
)
_LIST = (
    select(checkpoints, jobs.c.keep_last)
    .join_from(checkpoints, jobs, jobs.c.id == checkpoints.c.job_id)
    .where(checkpoints.c.job_id == bindparam("job_id"))
    .order_by(checkpoints.c.step)
)
_PARTS = (
    select(checkpoint_parts.c.data)
    .where(checkpoint_parts.c.job_id == bindparam("job_id"), checkpoint_parts.c.step == bindparam("step"))
    .order_by(checkpoint_parts.c.part)
)
_FORGET = delete(checkpoints).where(
    checkpoints.c.job_id == bindparam("of_job"), checkpoints.c.step == bindparam("of_step")
)
_HOLD = select(jobs.c.id).where(jobs.c.id == bindparam("job_id")).with_for_update()
_DISCARD = delete(checkpoints).where(
    checkpoints.c.job_id == bindparam("of_job"),
    checkpoints.c.step == bindparam("of_step"),
    checkpoints.c.attempt == bindparam("by_attempt"),
)
_GO_BACK = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(
        checkpoint_step=select(func.max(checkpoints.c.step))
        .where(checkpoints.c.job_id == bindparam("of_job"))
        .scalar_subquery()
    )
)
_ADVANCE = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.attempt == bindparam("mine"))
    # Writing a large checkpoint may outlast the lease, and renewing waits for this transaction's lock.
    .values(
        checkpoint_step=bindparam("done"),
        evictions=0,
        lease_expires_at=clock() + bindparam("lease_seconds"),
    )
)


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """A checkpoint after `step` steps, written by `attempt`."""

    step: int
    attempt: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class CheckpointKey:
    """Which checkpoint of a job: that of `step`, written by `attempt`."""

    step: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """What is known of a checkpoint without reading it, and why it is there."""

    step: int
    attempt: int
    size_bytes: int
    sha256: str
    reasons: tuple[KeptReason, ...]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeptMarks:
    """Why a checkpoint stays whatever comes after it.

    `regular`: its spec asks for this step. `best`: none before had a lower validation loss.
    """

    regular: bool = False
    best: bool = False


PLAIN = KeptMarks()


def save(fence: JobFence, step: int, data: bytes, marks: KeptMarks = PLAIN) -> None:
    """Keep a checkpoint, once per step: the bits of a step are always the same. Steps only grow."""
    claim = fence.claim
    there = fence.tx.execute(_STEPS, {"job_id": claim.job_id}).all()
    steps = [each.step for each in there]
    if steps and step <= steps[-1]:
        return
    if marks.best:
        fence.tx.execute(_NO_LONGER_BEST, {"of_job": claim.job_id})
    row = {"job_id": claim.job_id, "step": step, "attempt": claim.attempt, "size_bytes": len(data)}
    kept = {"regular": marks.regular, "best": marks.best}
    fence.tx.execute(_INSERT, {**row, **kept, "sha256": hashlib.sha256(data).hexdigest()})
    counters.count(fence.tx, counted.CHECKPOINT_BYTES, len(data))
    points.CHECKPOINT_NAMED.reach()
    for part, piece in enumerate(split(data)):
        fence.tx.execute(
            insert(checkpoint_parts),
            {"job_id": claim.job_id, "step": step, "part": part, "data": piece},
        )
    points.CHECKPOINT_KEPT.reach()
    fence.tx.execute(
        _ADVANCE,
        {
            "job_id": claim.job_id,
            "mine": claim.attempt,
            "done": step,
            "lease_seconds": claim.lease_seconds,
        },
    )
    latest_kept = max(KEPT_LATEST, claim.keep_last or 0)
    stays = {0, *[*steps, step][-latest_kept:], *_marked(there, but_best=marks.best)}
    old = [each for each in steps if each not in stays]
    if old:
        fence.tx.execute(_FORGET, [{"of_job": claim.job_id, "of_step": each} for each in old])


def _marked(there: Iterable[Row[int, bool, bool]], *, but_best: bool) -> list[int]:
    """The steps of checkpoints that are regular, or still the best."""
    return [step for step, regular, best in there if regular or (best and not but_best)]


def latest(tx: Connection, job_id: str, at_most: int = 2**62) -> StoredCheckpoint | None:
    """The checkpoint of the greatest step, of those up to `at_most`.

    Raises CorruptCheckpoint when its bytes are not those that were saved.
    """
    row = tx.execute(_LATEST, {"job_id": job_id, "at_most": at_most}).one_or_none()
    return None if row is None else _read(tx, job_id, row)


def discard(tx: Connection, job_id: str, damaged: Sequence[CheckpointKey]) -> list[int]:
    """Give up checkpoints that can't be gone on from; returns the steps of those that were still there.

    Holds the job's row for the rest of the transaction. At such a step a later attempt saves it anew.
    """
    tx.execute(_HOLD, {"job_id": job_id})
    gone = [
        each.step
        for each in damaged
        if tx.execute(_DISCARD, {"of_job": job_id, "of_step": each.step, "by_attempt": each.attempt}).rowcount
    ]
    if gone:
        tx.execute(_GO_BACK, {"of_job": job_id})
        counters.count(tx, counted.DAMAGED_CHECKPOINTS, len(gone))
    return gone


def list_checkpoints(tx: Connection, job_id: str) -> list[CheckpointInfo]:
    """Those that are kept, by their steps."""
    rows = tx.execute(_LIST, {"job_id": job_id}).all()
    return [
        CheckpointInfo(
            step=row.step,
            attempt=row.attempt,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            reasons=_reasons(row, len(rows) - 1 - place),
            created_at=moment(row.created_at),
        )
        for place, row in enumerate(rows)
    ]


def _reasons(row: Row[*tuple[Any, ...]], later: int) -> tuple[KeptReason, ...]:
    """Why the checkpoint of a row is there, which `later` others follow."""
    reasons: dict[KeptReason, bool] = {
        "start": row.step == 0,
        "every": row.regular,
        "best": row.best,
        "last": later < max(KEPT_LATEST, row.keep_last or 0),
    }
    return tuple(reason for reason, is_one in reasons.items() if is_one)


def _read(tx: Connection, job_id: str, row: Row[int, int, str]) -> StoredCheckpoint:
    step, attempt, sha256 = row
    pieces = tx.execute(_PARTS, {"job_id": job_id, "step": step}).scalars().all()
    try:
        return StoredCheckpoint(step=step, attempt=attempt, data=joined(list(pieces), sha256))
    except Corrupt as error:
        raise CorruptCheckpoint(step, attempt, str(error)) from error
