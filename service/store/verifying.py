"""Jobs that verify others: they train the same spec again, and say whether the weights are the same bits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, func, select

from lockstep.core.ground.arithmetic import advanced
from lockstep.service.store import blobs, events, idempotency, jobs, specs, uncompared
from lockstep.service.store.damage import damaged, json_object
from lockstep.service.store.errors import Damaged, Refused
from lockstep.service.store.events import Level, NewEvent
from lockstep.service.store.idempotency import Created, IdempotencyKey
from lockstep.service.store.job_conditions import begun_by
from lockstep.service.store.new_job import NewJob, Verification
from lockstep.service.store.specs import SpecColumns, StoredSpec
from lockstep.service.store.statuses import SUCCEEDED
from lockstep.service.store.tables import events as event_table
from lockstep.service.store.tables import jobs as table

_STORED = select(
    table.c.kind,
    table.c.steps,
    table.c.fingerprint,
    begun_by(table.c).label("number"),
    table.c.spec_json,
    table.c.inline_json,
    table.c.inline_sha256,
    table.c.start_sha256,
).where(table.c.id == bindparam("job_id"))
_COMPANY = (
    select(event_table.c.type, func.count().label("number"))
    .where(
        event_table.c.job_id == bindparam("job_id"),
        event_table.c.type.in_(("member_joined", "member_left")),
    )
    .group_by(event_table.c.type)
)


@dataclass(frozen=True, kw_only=True)
class Verifiable:
    """A job that can be verified: what it was to compute, by which bits, and the digest of its weights."""

    job_id: str
    kind: str
    steps: int
    stored: SpecColumns
    fingerprint: str | None
    arithmetic: int
    weights_sha256: str
    start_sha256: str | None


def verifiable(tx: Connection, job_id: str, owner: str | None) -> Verifiable:
    """The job, to be verified; raises NotFound, Refused where it has no digest, and Damaged."""
    job = jobs.summary(tx, job_id, owner)
    if job.status not in SUCCEEDED:
        code = "job_not_succeeded" if job.is_terminal else "result_not_ready"
        wait = "take another" if job.is_terminal else "ask again when it is over"
        raise Refused(code, f"expected a job that has succeeded, and {job_id} is {job.status}: {wait}")
    if job.result is None:
        (result,) = (each for each in job.damage if each.part == "result")
        raise Damaged("result", f"{job_id}: {result.message}")
    weights_sha256 = job.result["weights_sha256"]
    if weights_sha256 is None:
        raise Refused("nothing_to_verify", f"{job_id} could not be compared, so it has no weights to verify")
    row = tx.execute(_STORED, {"job_id": job_id}).one()
    return Verifiable(
        job_id=job_id,
        kind=row.kind,
        steps=row.steps,
        stored=SpecColumns(
            spec_json=row.spec_json, inline_json=row.inline_json, inline_sha256=row.inline_sha256
        ),
        fingerprint=row.fingerprint,
        arithmetic=row.number,
        weights_sha256=weights_sha256,
        start_sha256=row.start_sha256,
    )


def copy_of(tx: Connection, of: Verifiable, owner_id: str, workers_wanted: int, *, chaos: bool) -> NewJob:
    """A job that trains the same spec again on up to so many workers; raises Damaged.

    The bulk of the spec is not copied: the new job's row names the blob that the other's names.
    """
    try:
        spec = {**json_object(of.stored.spec_json, finite=True), "workers": workers_wanted}
        # Which states are kept alters no bit, and nobody needs those of a copy.
        spec.pop("checkpoints", None)
    except ValueError as error:
        raise damaged("spec", of.job_id, error) from error
    columns = replace(of.stored, spec_json=json.dumps(spec))
    whole = specs.whole_of(tx, of.job_id, columns)
    stored = StoredSpec(
        spec_json=columns.spec_json,
        inline_json=columns.inline_json,
        inline_sha256=columns.inline_sha256,
        held=whole if columns.inline_sha256 is None else columns.spec_json,
    )
    return NewJob(
        owner_id=owner_id,
        spec=stored,
        spec_sha256=hashlib.sha256(whole.encode()).hexdigest(),
        steps=of.steps,
        workers=workers_wanted,
        kind=of.kind,
        name=spec.get("name"),
        max_run_seconds=spec.get("max_run_seconds"),
        max_queue_seconds=spec.get("max_queue_seconds"),
        metadata=spec.get("metadata") or {},
        start_sha256=of.start_sha256,
        verification=Verification(
            verifies=of.job_id,
            expected_sha256=of.weights_sha256,
            fingerprint=of.fingerprint and advanced(of.fingerprint, of.arithmetic),
            chaos=chaos,
        ),
    )


def create(tx: Connection, new: NewJob, key: IdempotencyKey | None, why_not: str | None) -> Created:
    """Queue the job, once for a key; `why_not`: end it at once, because this version can't compare.

    Raises Refused where the other job was deleted since it was looked at, and its blobs with it.
    """
    for sha256 in (new.spec.inline_sha256, new.start_sha256):
        if sha256 is not None and not blobs.hold_there(tx, sha256):
            raise Refused("job_deleted", "the job to verify was deleted meanwhile: take another")
    if key is None:
        created = Created(job=jobs.create(tx, new), replayed=False)
    else:
        created = idempotency.create_once(tx, new, key)
    if why_not is None or created.replayed:
        return created
    uncompared.leave(tx, created.job.id, 0, why_not)
    return replace(created, job=jobs.get(tx, created.job.id, new.owner_id))


def tell(tx: Connection, job_id: str, verification: Verification, result: Mapping[str, object]) -> None:
    """Note in words whether the weights of a job's result are those expected; the job's row is locked."""
    found, expected = result["weights_sha256"], verification.expected_sha256
    matches, other = found == expected, verification.verifies
    counts = {row.type: row.number for row in tx.execute(_COMPANY, {"job_id": job_id})}
    joined, left = counts.get("member_joined", 0), counts.get("member_left", 0)
    company = f"helpers came {joined} and went {left} times" if joined else "no helper took part"
    if matches:
        message = f"The weights are those of {other}, bit for bit (SHA-256 {found}); {company}."
    else:
        message = (
            f"The weights are not those of {other}: expected the SHA-256 {expected}, got {found}; {company}. "
            "The histories of both show the first step at which they part."
        )
    data = {
        "verifies": other,
        "matches": matches,
        "expected_sha256": expected,
        "weights_sha256": found,
        "chaos": verification.chaos,
        "joined": joined,
        "left": left,
    }
    level: Level = "info" if matches else "error"
    events.append(tx, job_id, NewEvent(type="verified", message=message, data=data, level=level))
