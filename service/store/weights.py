"""What a job learned."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, insert, select

from core.data.dataset import Preprocessing
from core.encoding import from_safetensors, shapes_in
from core.errors import InvalidData
from service.store import blobs
from service.store.damage import damaged, json_object
from service.store.errors import Corrupt, NotFound
from service.store.leases import Fence
from service.store.tables import weights

_LOAD = select(weights.c.sha256, weights.c.preprocessing_json).where(weights.c.job_id == bindparam("job_id"))
_MISSING = "job {} has no weights: they come when it succeeds"


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """A safetensors file of parameters and buffers, and the preprocessing of inputs as JSON."""

    job_id: str
    safetensors: bytes
    preprocessing_json: str

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters and buffers by name; raises Damaged."""
        try:
            return from_safetensors(self.safetensors)
        except InvalidData as error:
            raise damaged("weights", self.job_id, error) from error

    def preprocessing(self, columns: int) -> Preprocessing:
        """What is done to inputs of so many columns; raises Damaged."""
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


def save(fence: Fence, safetensors: bytes, preprocessing_json: str) -> None:
    """Keep what the job learned; once, in the transaction that ends it."""
    sha256 = blobs.put(fence.tx, safetensors)
    row = {"sha256": sha256, "size_bytes": len(safetensors), "preprocessing_json": preprocessing_json}
    fence.tx.execute(insert(weights), {"job_id": fence.claim.job_id, **row})


def load(tx: Connection, job_id: str) -> StoredWeights:
    """What the job learned; raises NotFound when it has not (yet), and Damaged.

    Who may see it, `jobs.get` knows.
    """
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(_MISSING.format(job_id))
    try:
        return StoredWeights(job_id=job_id, safetensors=blobs.get(tx, row[0]), preprocessing_json=row[1])
    except (Corrupt, NotFound) as error:
        raise damaged("weights", job_id, error) from error


def shapes(tx: Connection, job_id: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays by name, from the beginning of the file; raises as `load`."""
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(_MISSING.format(job_id))
    try:
        return shapes_in(blobs.beginning(tx, row[0]))
    except (NotFound, InvalidData) as error:
        raise damaged("weights", job_id, error) from error
