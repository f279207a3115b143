"""Specs that are posted, and jobs brought to their ends as a worker would."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors.numpy import save

from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import Points
from lockstep.core.spec import ResolvedSpec
from lockstep.service.store import claims, endings, history, jobs, leases, specs, weights
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.leases import JobClaim
from tests.specs import LINE as A_LINE

KEY = "test-key-of-an-administrator"
LINE: dict[str, Any] = A_LINE | {"epochs": 10, "batch_size": "full"}
CLASSES: dict[str, Any] = {
    "model": {"layers": [{"type": "linear", "in": 2, "out": 3}]},
    "data": {"inline": {"x": [[0, 0], [10, 20], [20, 40]], "y": [0, 1, 2]}, "standardize": True},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam"},
    "seed": 7,
}
WORKER = WorkerIdentity(worker_id="worker_1", pid=1, host="here", fingerprint="f")


def claim(database: Database) -> JobClaim:
    """Take the oldest queued job."""
    with database.write() as tx:
        taken = leases.claim_next(tx, WORKER, 15.0)
    assert taken is not None
    return taken


def succeed(
    database: Database, arrays: dict[str, np.ndarray], series: dict[str, Points] | None = None
) -> str:
    """Bring the oldest queued job to a good end with these weights; returns its id."""
    taken = claim(database)
    with database.read() as tx:
        spec = specs.load(tx, taken.job_id).resolved()
    assert isinstance(spec, ResolvedSpec)
    dataset = load_dataset(spec)
    with database.write() as tx:
        fence = claims.lock(tx, taken)
        history.append(fence, series or {})
        weights.save(fence, save(arrays), dataset.preprocessing.to_json())
        result = {"steps": 10, "stop_reason": "steps_done", "loss": float("nan"), "metrics": {}}
        endings.succeed(fence, {**result, "parameters": None, "weights_sha256": "0" * 64})
    return taken.job_id


def version(database: Database, job_id: str) -> int:
    """The job's version now."""
    with database.read() as tx:
        return jobs.version_of(tx, job_id, None)
