"""Jobs for the tests of the page, and how long it may wait between two looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.local_service import LocalService, wait_until
from tests.specs import WHOLE_LINE

LINE = WHOLE_LINE | {"name": "line", "seed": 3}
DIGITS = {
    "name": "digits",
    "model": {"layers": [{"type": "linear", "in": 64, "out": 10}]},
    "data": {"builtin": "digits", "validation_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "epochs": 5,
    "batch_size": 64,
    "seed": 3,
    "shards": 2,
}
QUIET_MS = 2_500
"""Longer than the pause between two looks at anything that moves."""
SLOWEST_MS = 15_000
"""Longer than the pause between two looks at anything."""


def finished(service: LocalService, spec: dict[str, Any]) -> dict[str, Any]:
    """The job of a spec, at its end."""
    job = service.client.create_job(spec)
    for update in service.client.watch(job["id"]):
        job = update.job
    return job


@contextmanager
def unfinished(service: LocalService, spec: dict[str, Any]) -> Iterator[str]:
    """The id of a job that goes on until the block ends."""
    job_id = service.client.create_job({**spec, "epochs": 1_000_000})["id"]
    try:
        wait_until(lambda: service.client.job(job_id)["status"] == "running")
        yield job_id
    finally:
        service.client.cancel(job_id)
