"""Short words for what tests of the store do again and again; each is one transaction."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import select

from lockstep.core.learning.report import Points
from lockstep.service.store import blobs, claims, endings, evictions, jobs, leases
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Failure
from lockstep.service.store.jobs import Job
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import Parts, StoredSpec, parts_of
from lockstep.service.store.tables import blob_parts
from lockstep.service.store.tables import jobs as job_table

OWNER = "owner_test"
WORKER = WorkerIdentity(worker_id="worker_a", pid=101, host="here", fingerprint="f" * 64)
OTHER = WorkerIdentity(worker_id="worker_b", pid=102, host="there", fingerprint="f" * 64)
STRANGER = WorkerIdentity(worker_id="worker_s", pid=103, host="there", fingerprint="0" * 64)
SPEC = parts_of('{"kind": "train"}', '{"kind": "train"}', ()).stored
NEW = NewJob(owner_id=OWNER, spec=SPEC, spec_sha256="5" * 64, steps=100)
RESULT = {
    "steps": 100,
    "stop_reason": "steps_done",
    "loss": 0.5,
    "metrics": {},
    "parameters": None,
    "weights_sha256": "w",
}
LEASE_SECONDS = 60.0
HELD_SECONDS = 5.0
OVER_SECONDS = -60.0
"""A lease that has run out when it is taken, so that tests need not sleep."""


def without_bulk(spec_json: str) -> tuple[dict[str, Any], list[object]]:
    """A spec without what may be megabytes, and that: inline data and initial weights, None where absent."""
    spec = json.loads(spec_json)
    data, model = spec.get("data", {}), spec.get("model", {})
    return spec, [data.pop("inline", None), model.pop("initial_weights", None)]


def keep_spec(database: Database, spec_json: str) -> StoredSpec:
    """A whole spec as a job's row holds it, be it one that can be trained or not."""
    rest, bulk = without_bulk(spec_json)
    texts = [None if value is None else json.dumps(value) for value in bulk]
    return keep(database, parts_of(spec_json, json.dumps(rest) if any(texts) else spec_json, texts))


def keep(database: Database, parts: Parts) -> StoredSpec:
    """What a job's row holds of a spec; a large bulk is kept."""
    if parts.blob is not None and parts.stored.inline_sha256 is not None:
        blobs.keep(database, parts.blob, parts.stored.inline_sha256)
    return parts.stored


def queue_job(database: Database, new: NewJob = NEW) -> Job:
    """A new job."""
    with database.write() as tx:
        return jobs.create(tx, new)


def evict_expired(database: Database) -> list[str]:
    """Evict the claims whose leases have run out; the ids of their jobs."""
    with database.write() as tx:
        return evictions.evict_expired(tx)


def blob_names(database: Database) -> set[str]:
    """The SHA-256 of each blob that is there."""
    with database.read() as tx:
        return set(tx.execute(select(blob_parts.c.sha256)).scalars())


def get(database: Database, job_id: str) -> Job:
    """The job as anybody's administrator sees it."""
    with database.read() as tx:
        return jobs.get(tx, job_id, None)


def claim(
    database: Database, worker: WorkerIdentity = WORKER, lease_seconds: float = LEASE_SECONDS
) -> JobClaim:
    """A claim on the oldest queued job, which must be there; a reconciler may hold its row for a moment."""
    until = time.monotonic() + HELD_SECONDS
    while True:
        with database.write() as tx:
            found = leases.claim_next(tx, worker, lease_seconds)
        if found is not None or time.monotonic() > until:
            break
        time.sleep(0.01)
    assert found is not None
    return found


def fenced(database: Database, held: JobClaim, work: Callable[[JobFence], object]) -> None:
    """Run `work` in a fenced transaction."""
    with database.write() as tx:
        work(claims.lock(tx, held))


def evict(database: Database, held: JobClaim) -> list[str]:
    """End the attempt as the reconciler would after its lease; the job then waits for a worker alone."""
    with database.write() as tx:
        evicted = evictions.evict_process(tx, held.worker.worker_id, held.worker.pid)
        tx.execute(job_table.update().values(not_before_at=None))
    return evicted


def cancel(database: Database, job_id: str) -> Job:
    """Ask for the job's end."""
    return ask(database, "cancel", job_id)


def ask(database: Database, act: str, job_id: str) -> Job:
    """Do what the job's user may do to it."""
    with database.write() as tx:
        return endings.request(tx, act, job_id, None)


def job_in(database: Database, status: str) -> tuple[str, JobClaim | None]:
    """A job brought to `status`, and the last claim on it."""
    job_id = queue_job(database).id
    if status == "queued":
        return job_id, None
    held = claim(database)
    if status in ("cancelling", "cancelled"):
        cancel(database, job_id)
    if status in ("pausing", "paused"):
        ask(database, "pause", job_id)
    endings_by_status: dict[str, Callable[[JobFence], object]] = {
        "succeeded": lambda fence: endings.succeed(fence, RESULT),
        "failed": lambda fence: endings.fail(fence, Failure(code="diverged", message="too steep")),
        "cancelled": endings.leave,
        "paused": endings.leave,
    }
    if status in endings_by_status:
        fenced(database, held, endings_by_status[status])
    assert get(database, job_id).status == status
    return job_id, held


def points(first: int, *values: float, dtype: str = "float64", every: int = 1) -> Points:
    """Values of the steps from `first` on."""
    steps = first + every * np.arange(len(values), dtype=np.int64)
    return Points(steps=steps, values=np.array(values, dtype=dtype))


def older(held: JobClaim) -> JobClaim:
    """A claim of the same job by an attempt before."""
    return replace(held, attempt=held.attempt - 1)
