"""The weights that a job starts with, where they are another's: found and kept at POST.

The job's row names their blob, so they stay whatever becomes of the other job. Jobs of versions before name
none: their weights are read by the other job's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, select

from lockstep.core.ground.errors import InvalidData
from lockstep.core.learned import is_finite, learned_shapes, weights_in
from lockstep.core.learning.checkpoint import BadCheckpoint, Checkpoint
from lockstep.core.model.encoding import from_safetensors, shapes_in, to_safetensors
from lockstep.service.store import blobs, checkpoints, jobs, specs, weights
from lockstep.service.store.damage import damaged, json_object
from lockstep.service.store.errors import CorruptCheckpoint, NotFound, Refused
from lockstep.service.store.tables import jobs as job_table

MAX_NAMED = 20
"""Steps that are told of one by one."""

_PINNED = select(job_table.c.start_sha256).where(job_table.c.id == bindparam("job_id"))
_PINNED_AS = select(job_table.c.start_sha256, job_table.c.spec_json).where(
    job_table.c.id == bindparam("job_id"), job_table.c.start_sha256.is_not(None)
)


@dataclass(frozen=True, kw_only=True)
class PinnedStart:
    """Weights to start with, as safetensors. `data` is None where their blob is there already."""

    sha256: str
    data: bytes | None


def shapes(tx: Connection, job_id: str, step: int | None) -> Mapping[str, tuple[int, ...]]:
    """The shapes of the weights of a job after `step` steps, None: as it ended, by name.

    Raises as `find`, but reads no weights.
    """
    if step is None:
        return weights.shapes(tx, job_id)
    _require_checkpoint(tx, job_id, step)
    return learned_shapes(specs.load(tx, job_id).resolved())


def find(tx: Connection, job_id: str, step: int | None) -> PinnedStart:
    """The weights of a job after `step` steps; None: as it ended.

    Raises NotFound where it has none, Refused where it has no checkpoint of that step, and Damaged.
    """
    if step is None:
        there = weights.blob_of(tx, job_id)
        if there is not None:
            return PinnedStart(sha256=there, data=None)
        return _start(weights.load(tx, job_id).safetensors)
    _require_checkpoint(tx, job_id, step)
    try:
        saved = checkpoints.latest(tx, job_id, step)
        if saved is None:
            raise NotFound(f"no checkpoint of {job_id} is there any more")
        checkpoint = Checkpoint.from_bytes(saved.data)
    except (CorruptCheckpoint, BadCheckpoint) as error:
        raise damaged("weights", job_id, f"the checkpoint of step {step}: {error}") from error
    if not is_finite(checkpoint):
        raise damaged("weights", job_id, f"the checkpoint of step {step} holds no finite numbers")
    return _start(to_safetensors(weights_in(specs.load(tx, job_id).resolved(), checkpoint)))


def pinned_by(tx: Connection, job_id: str, of: str, step: int | None) -> PinnedStart | None:
    """The weights of another job, as one that starts with them has pinned them; None where it has not.

    Raises Damaged.
    """
    row = tx.execute(_PINNED_AS, {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    try:
        start_from = json_object(row.spec_json).get("start_from")
    except ValueError as error:
        raise damaged("spec", job_id, error) from error
    wanted = of if step is None else {"job": of, "step": step}
    return PinnedStart(sha256=row.start_sha256, data=None) if start_from == wanted else None


def shapes_of(tx: Connection, pinned: PinnedStart, job_id: str) -> Mapping[str, tuple[int, ...]]:
    """The shapes of weights that `job_id` has pinned, by name; raises Damaged."""
    try:
        return shapes_in(blobs.beginning(tx, pinned.sha256))
    except (NotFound, InvalidData) as error:
        raise damaged("weights", job_id, error) from error


def pin(tx: Connection, start: PinnedStart) -> None:
    """Hold the weights to the transaction's end, by when a job names them. Raises Refused where they went."""
    if start.data is not None:
        blobs.hold(tx, start.data, start.sha256)
    elif not blobs.hold_there(tx, start.sha256):
        raise Refused("no_weights", "the job to start from was deleted meanwhile; take another")


def load(tx: Connection, job_id: str) -> dict[str, np.ndarray] | None:
    """What was pinned for a job, by name; None for nothing. Raises NotFound, Corrupt and InvalidData."""
    sha256 = tx.execute(_PINNED, {"job_id": job_id}).scalar_one_or_none()
    return None if sha256 is None else from_safetensors(blobs.get(tx, sha256))


def _start(data: bytes) -> PinnedStart:
    return PinnedStart(sha256=blobs.name_of(data), data=data)


def _require_checkpoint(tx: Connection, job_id: str, step: int) -> None:
    steps = [each.step for each in checkpoints.list_checkpoints(tx, job_id)]
    if step in steps:
        return
    jobs.version_of(tx, job_id, None)
    has = f"of step {_listed(steps)}" if steps else "none at all"
    raise Refused(
        "no_checkpoint",
        f"expected a step of which {job_id} has a checkpoint, got {step}; it has {has}; "
        "checkpoints.every_steps keeps those that a job should keep",
    )


def _listed(steps: list[int]) -> str:
    shown = ", ".join(map(str, steps[:MAX_NAMED]))
    return shown if len(steps) <= MAX_NAMED else f"{shown}, and {len(steps) - MAX_NAMED} more"
