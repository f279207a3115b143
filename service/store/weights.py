"""What a job learned."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from service.store import blobs
from service.store.errors import NotFound
from service.store.leases import Fence
from service.store.tables import weights

_LOAD = select(weights.c.sha256, weights.c.preprocessing_json).where(weights.c.job_id == bindparam("job_id"))
_MISSING = "job {} has no weights: they come when it succeeds"


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """A safetensors file of parameters and buffers, and the preprocessing of inputs as JSON."""

    safetensors: bytes
    preprocessing_json: str


def save(fence: Fence, safetensors: bytes, preprocessing_json: str) -> None:
    """Keep what the job learned; once, in the transaction that ends it."""
    sha256 = blobs.put(fence.tx, safetensors)
    row = {"sha256": sha256, "size_bytes": len(safetensors), "preprocessing_json": preprocessing_json}
    fence.tx.execute(insert(weights), {"job_id": fence.claim.job_id, **row})


def load(tx: Connection, job_id: str) -> StoredWeights:
    """What the job learned; raises NotFound when it has not (yet). Who may see it, `jobs.get` knows."""
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(_MISSING.format(job_id))
    return StoredWeights(safetensors=blobs.get(tx, row[0]), preprocessing_json=row[1])


def head(tx: Connection, job_id: str) -> bytes:
    """The beginning of the safetensors file, which tells names and shapes; raises NotFound as `load`."""
    row = tx.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(_MISSING.format(job_id))
    return blobs.beginning(tx, row[0])
