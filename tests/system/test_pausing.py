"""A job on two real workers that is paused again and again: both let go of it, and its bits are the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.local_service import LocalService, wait_until
from tests.system.page_jobs import DIGITS, finished

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which is Linux's"),
]

PAUSES = 3


def step_of(service: LocalService, job_id: str) -> int:
    step: int = service.client.job(job_id)["progress"]["step"]
    return step


def is_past(service: LocalService, job_id: str, step: int) -> bool:
    return step_of(service, job_id) > step


def test_a_job_that_is_paused_again_and_again_reaches_its_digest(service: LocalService) -> None:
    client = service.client
    spec = {**DIGITS, "name": "paused", "epochs": 12_000, "workers": 2}
    job_id = client.create_job(spec)["id"]
    for _ in range(PAUSES):
        wait_until(lambda: client.job(job_id)["status"] == "running")
        before = step_of(service, job_id)
        wait_until(partial(is_past, service, job_id, before))
        assert client.pause(job_id)["status"] == "pausing"
        wait_until(lambda: client.job(job_id)["status"] == "paused")
        job = client.job(job_id)
        assert job["workers"]["active"] == 0
        assert job["progress"]["step"] > before
        wait_until(lambda: all(each["state"] == "idle" for each in client.workers()["data"]))
        assert client.resume(job_id)["status"] == "queued"

    (*_, last) = client.watch(job_id)

    assert last.job["status"] == "succeeded"
    whole = finished(service, {**spec, "workers": 1})
    assert last.job["result"]["weights_sha256"] == whole["result"]["weights_sha256"]
    statuses = [each["status"] for each in last.job["transitions"]]
    assert statuses.count("paused") == PAUSES
