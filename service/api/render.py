"""Records of the store as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lockstep.service.api.wire import dump_json
from lockstep.service.store.checkpoints import CheckpointInfo
from lockstep.service.store.events import Event
from lockstep.service.store.jobs import Job
from lockstep.service.store.workers import Worker

JsonObject = dict[str, Any]
"""An object about to be written as JSON."""

POLL_SECONDS = "1"
"""X-Poll-Interval where something moves: progress is written about once a second."""
IDLE_POLL_SECONDS = "5"


def time_of(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def job_path(job_id: str) -> str:
    """The job's address."""
    return f"/v1/jobs/{job_id}"


def job_bytes(job: Job, root_path: str) -> bytes:
    """A job as JSON, of a service below `root_path`. Its spec is JSON already, and goes in as it is.

    Where parts of its record are damaged, `damaged` names them; so does the status's message, where it says
    nothing else.
    """
    head = _job_without_spec(job) | {"spec_url": f"{root_path}{job_path(job.id)}/spec"}
    return dump_json(head)[:-1] + b',"spec":' + job.spec_json.encode() + b"}"


def _job_without_spec(job: Job) -> JsonObject:
    error = job.error
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind,
        "name": job.name,
        "metadata": None if job.metadata is None else dict(job.metadata),
        "status": job.status,
        "status_reason": job.status_reason,
        "status_message": job.status_message or "; ".join(each.message for each in job.damage) or None,
        "is_terminal": job.is_terminal,
        "progress": {
            "step": job.step,
            "steps": job.steps,
            "epoch": job.epoch,
            "fraction": job.fraction,
            "eta_seconds": job.eta_seconds,
        },
        "result": job.result,
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "param": error.param},
        "workers": {"wanted": job.workers_wanted, "active": job.workers_active},
        "timings": {"queued_ms": job.queued_ms, "first_step_ms": job.first_step_ms, "run_ms": job.run_ms},
        "transitions": [
            {"status": change.status, "reason": change.reason, "at": time_of(change.at)}
            for change in job.transitions
        ],
        "created_at": time_of(job.created_at),
        "started_at": time_of(job.started_at),
        "finished_at": time_of(job.finished_at),
        "damaged": [{"part": each.part, "message": each.message} for each in job.damage],
    }


def event_object(event: Event) -> JsonObject:
    """An event."""
    return {
        "id": str(event.id),
        "object": "job.event",
        "created_at": time_of(event.at),
        "level": event.level,
        "type": event.type,
        "message": event.message,
        "data": dict(event.data),
    }


def checkpoint_object(checkpoint: CheckpointInfo) -> JsonObject:
    """A checkpoint."""
    return {
        "id": str(checkpoint.step),
        "object": "checkpoint",
        "step": checkpoint.step,
        "attempt": checkpoint.attempt,
        "size_bytes": checkpoint.size_bytes,
        "sha256": checkpoint.sha256,
        "created_at": time_of(checkpoint.created_at),
    }


def worker_object(worker: Worker) -> JsonObject:
    """A worker."""
    return {
        "id": worker.worker_id,
        "object": "worker",
        "host": worker.host,
        "pid": worker.pid,
        "state": worker.state,
        "job_id": worker.job_id,
        "fingerprint": worker.fingerprint,
        "present": worker.present,
        "started_at": time_of(worker.started_at),
        "heartbeat_at": time_of(worker.heartbeat_at),
    }


def page_bytes(items: Sequence[bytes], ids: Sequence[str], has_more: bool) -> bytes:
    """A page of a list, of things that are JSON already."""
    head = {
        "object": "list",
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }
    return dump_json(head)[:-1] + b',"data":[' + b",".join(items) + b"]}"
