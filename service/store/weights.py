"""What a job learned: its result, or, where it was cancelled or failed, its last checkpoint."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, insert, select

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.ground.errors import InvalidData
from lockstep.core.learned import is_finite, learned_shapes, weights_in
from lockstep.core.learning.checkpoint import BadCheckpoint, Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.model.encoding import from_safetensors, shapes_in, to_safetensors
from lockstep.core.spec import ResolvedSpec
from lockstep.service.store import blobs, checkpoints, jobs, points, specs
from lockstep.service.store.damage import damaged, json_object
from lockstep.service.store.errors import Corrupt, CorruptCheckpoint, NotFound
from lockstep.service.store.jobs import Job
from lockstep.service.store.leases import JobFence
from lockstep.service.store.statuses import ENDED_EARLY, SUCCEEDED
from lockstep.service.store.tables import weights

_LOAD = select(weights.c.sha256, weights.c.preprocessing_json).where(weights.c.job_id == bindparam("job_id"))


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """A safetensors file of parameters and buffers, and the preprocessing of inputs as JSON.

    `step`: after how many steps the weights were so, where they are those of a job that did not succeed.
    """

    job_id: str
    safetensors: bytes
    preprocessing_json: str
    step: int | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters and buffers by name; raises Damaged."""
        try:
            return from_safetensors(self.safetensors)
        except InvalidData as error:
            raise damaged("weights", self.job_id, error) from error

    def preprocessing(self, columns: int) -> Preprocessing:
        """What is done to inputs of this many columns; raises Damaged."""
        try:
            json_object(self.preprocessing_json, finite=True)
            found = Preprocessing.from_json(self.preprocessing_json)
            for part in (found.mean, found.scale):
                if part is not None and (part.dtype.kind not in "if" or part.shape != (columns,)):
                    raise ValueError(f"expected two lists of {columns} numbers")
        except (ValueError, KeyError, TypeError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise damaged("preprocessing", self.job_id, reason) from error
        return found


def save(fence: JobFence, safetensors: bytes, preprocessing_json: str) -> None:
    """Keep what the job learned; once, in the transaction that ends it."""
    sha256 = blobs.put(fence.tx, safetensors)
    points.WEIGHTS_KEPT.reach()
    row = {"sha256": sha256, "size_bytes": len(safetensors), "preprocessing_json": preprocessing_json}
    fence.tx.execute(insert(weights), {"job_id": fence.claim.job_id, **row})


def blob_of(tx: Connection, job_id: str) -> str | None:
    """The name of the blob of what the job learned; None where it has no result."""
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    return None if row is None else row.sha256


def load(tx: Connection, job_id: str) -> StoredWeights:
    """What the job learned; raises NotFound where there is nothing (yet), and Damaged.

    Who may see it, `jobs.get` knows.
    """
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        return _of_checkpoint(tx, job_id)
    try:
        return StoredWeights(job_id=job_id, safetensors=blobs.get(tx, row[0]), preprocessing_json=row[1])
    except (Corrupt, NotFound) as error:
        raise damaged("weights", job_id, error) from error


def shapes(tx: Connection, job_id: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays by name, without reading all of them; raises as `load`."""
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        job = jobs.summary(tx, job_id, None)
        if job.status not in ENDED_EARLY or not checkpoints.list_checkpoints(tx, job_id):
            raise _missing(job)
        return learned_shapes(specs.load(tx, job_id).resolved())
    try:
        return shapes_in(blobs.beginning(tx, row[0]))
    except (NotFound, InvalidData) as error:
        raise damaged("weights", job_id, error) from error


def _of_checkpoint(tx: Connection, job_id: str) -> StoredWeights:
    """The last checkpoint that can be read and holds numbers, of a job that ended without a result."""
    job = jobs.summary(tx, job_id, None)
    sound = _sound_checkpoints(tx, job_id) if job.status in ENDED_EARLY else iter(())
    checkpoint = next(sound, None)
    if checkpoint is None:
        raise _missing(job)
    spec = specs.load(tx, job_id).resolved()
    # It is stored with a result alone; it follows from the spec.
    prepared = load_dataset(spec).preprocessing if isinstance(spec, ResolvedSpec) else Preprocessing()
    return StoredWeights(
        job_id=job_id,
        safetensors=to_safetensors(weights_in(spec, checkpoint)),
        preprocessing_json=prepared.to_json(),
        step=checkpoint.step,
    )


def _sound_checkpoints(tx: Connection, job_id: str) -> Iterator[Checkpoint]:
    for kept in reversed(checkpoints.list_checkpoints(tx, job_id)):
        with suppress(CorruptCheckpoint, BadCheckpoint):
            saved = checkpoints.latest(tx, job_id, kept.step)
            checkpoint = None if saved is None else Checkpoint.from_bytes(saved.data)
            if checkpoint is not None and is_finite(checkpoint):
                yield checkpoint


def _missing(job: Job) -> NotFound:
    if job.status in ENDED_EARLY:
        return NotFound(f"job {job.id} ended as {job.status}, and no checkpoint of it was kept")
    if job.result is not None and job.result["weights_sha256"] is None:
        return NotFound(f"job {job.id} has no weights: nobody could compare, see its result.not_comparable")
    if job.status in SUCCEEDED:
        return NotFound(f"job {job.id} succeeded, and its weights are gone")
    return NotFound(f"job {job.id} is {job.status} and has no weights yet: they come when it is over")
