"""Checkpoints: what an attempt goes on from. The one of step 0 is kept, and the latest two."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from service.store.blobs import joined, split
from service.store.database import clock, moment
from service.store.leases import Fence
from service.store.tables import checkpoint_parts, checkpoints, jobs

KEPT_LATEST = 2

_INSERT = insert(checkpoints).values(created_at=clock())
_STEPS = (
    select(checkpoints.c.step).where(checkpoints.c.job_id == bindparam("job_id")).order_by(checkpoints.c.step)
)
_LATEST = (
    select(checkpoints.c.step, checkpoints.c.attempt, checkpoints.c.sha256)
    .where(checkpoints.c.job_id == bindparam("job_id"))
    .order_by(checkpoints.c.step.desc())
    .limit(1)
)
_NEAREST = (
    select(checkpoints.c.step, checkpoints.c.attempt, checkpoints.c.sha256)
    .where(checkpoints.c.job_id == bindparam("job_id"), checkpoints.c.step <= bindparam("at_most"))
    .order_by(checkpoints.c.step.desc())
    .limit(1)
)
_LIST = select(checkpoints).where(checkpoints.c.job_id == bindparam("job_id")).order_by(checkpoints.c.step)
_PARTS = (
    select(checkpoint_parts.c.data)
    .where(checkpoint_parts.c.job_id == bindparam("job_id"), checkpoint_parts.c.step == bindparam("step"))
    .order_by(checkpoint_parts.c.part)
)
_FORGET = delete(checkpoints).where(
    checkpoints.c.job_id == bindparam("of_job"), checkpoints.c.step == bindparam("of_step")
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
class CheckpointInfo:
    """What is known of a checkpoint without reading it."""

    step: int
    attempt: int
    size_bytes: int
    sha256: str
    created_at: datetime


def save(fence: Fence, step: int, data: bytes) -> None:
    """Keep a checkpoint, once per step: the bits of a step are always the same. Steps only grow."""
    claim = fence.claim
    steps = list(fence.tx.execute(_STEPS, {"job_id": claim.job_id}).scalars())
    if steps and step <= steps[-1]:
        return
    row = {"job_id": claim.job_id, "step": step, "attempt": claim.attempt, "size_bytes": len(data)}
    fence.tx.execute(_INSERT, {**row, "sha256": hashlib.sha256(data).hexdigest()})
    for part, piece in enumerate(split(data)):
        fence.tx.execute(
            insert(checkpoint_parts),
            {"job_id": claim.job_id, "step": step, "part": part, "data": piece},
        )
    fence.tx.execute(
        _ADVANCE,
        {
            "job_id": claim.job_id,
            "mine": claim.attempt,
            "done": step,
            "lease_seconds": claim.lease_seconds,
        },
    )
    old = [old for old in [*steps, step][:-KEPT_LATEST] if old != 0]
    if old:
        fence.tx.execute(_FORGET, [{"of_job": claim.job_id, "of_step": each} for each in old])


def latest(tx: Connection, job_id: str) -> StoredCheckpoint | None:
    """The checkpoint of the greatest step; raises Corrupt when its bytes are not those that were saved."""
    return _read(tx, job_id, tx.execute(_LATEST, {"job_id": job_id}).one_or_none())


def nearest(tx: Connection, job_id: str, step: int) -> StoredCheckpoint | None:
    """The latest checkpoint at or before `step`; raises Corrupt like `latest`."""
    return _read(tx, job_id, tx.execute(_NEAREST, {"job_id": job_id, "at_most": step}).one_or_none())


def list_checkpoints(tx: Connection, job_id: str) -> list[CheckpointInfo]:
    """Those that are kept, by their steps."""
    return [
        CheckpointInfo(
            step=row.step,
            attempt=row.attempt,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            created_at=moment(row.created_at),
        )
        for row in tx.execute(_LIST, {"job_id": job_id})
    ]


def _read(tx: Connection, job_id: str, row: Row[int, int, str] | None) -> StoredCheckpoint | None:
    if row is None:
        return None
    step, attempt, sha256 = row
    pieces = tx.execute(_PARTS, {"job_id": job_id, "step": step}).scalars().all()
    return StoredCheckpoint(step=step, attempt=attempt, data=joined(list(pieces), sha256))
