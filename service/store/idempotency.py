"""Idempotency keys: a POST that is sent again makes no second job."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import jobs, points
from lockstep.service.store.database import clock, insert_or_ignore
from lockstep.service.store.errors import KeyReused, NotFound, Refused
from lockstep.service.store.ids import new_id
from lockstep.service.store.jobs import Job
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.tables import idempotency_keys

_FIND = select(idempotency_keys.c.job_id, idempotency_keys.c.body_sha256).where(
    idempotency_keys.c.owner_id == bindparam("owner"), idempotency_keys.c.key == bindparam("sent")
)


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """The header's key, and the SHA-256 of what the user sent (before anything was drawn or filled in)."""

    key: str
    body_sha256: str


@dataclass(frozen=True, kw_only=True)
class Created:
    """The key's job; `replayed`: an earlier request made it."""

    job: Job
    replayed: bool


def create_once(tx: Connection, new: NewJob, key: IdempotencyKey) -> Created:
    """Queue the job, unless the owner's key has made one; raises KeyReused when that was another body.

    The key is reserved before the job is made: of several at once, the others wait here for the first.
    """
    job_id = new_id("job")
    reserve = insert_or_ignore(tx, idempotency_keys).values(created_at=clock())
    row = {"owner_id": new.owner_id, "key": key.key, "body_sha256": key.body_sha256, "job_id": job_id}
    if tx.execute(reserve.returning(idempotency_keys.c.job_id), row).one_or_none() is not None:
        points.KEY_RESERVED.reach()
        return Created(job=jobs.create(tx, new, job_id), replayed=False)
    made = earlier(tx, new.owner_id, key)
    if made is None:
        raise RuntimeError(f"the Idempotency-Key {key.key!r} is taken and gone within a transaction")
    return made


def earlier(tx: Connection, owner_id: str, key: IdempotencyKey) -> Created | None:
    """What the owner's key has made; None for nothing yet.

    Raises KeyReused when that was another body, and Refused (job_deleted) where the job is there no more.
    """
    found = tx.execute(_FIND, {"owner": owner_id, "sent": key.key}).one_or_none()
    if found is None:
        return None
    if found.body_sha256 != key.body_sha256:
        raise KeyReused(
            f"the Idempotency-Key {key.key!r} was used before with another body, for job {found.job_id}: "
            "use a new key"
        )
    try:
        return Created(job=jobs.get(tx, found.job_id, owner_id), replayed=True)
    except NotFound:
        message = f"the Idempotency-Key {key.key!r} made {found.job_id}, which was deleted: use a new key"
        raise Refused("job_deleted", message) from None
