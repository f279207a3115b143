"""What the death of a group's lead costs: from its SIGKILL until another worker has taken a further step."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.group.nets import NETS, job
from benchmarks.service import ALL_HELPERS, running
from lockstep.service.client import Client, JsonObject

STEPS = 1_000_000
STEADY_SECONDS = 2.0
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.005


def measure(times: int) -> dict[str, Any]:
    """Of so many leads, in milliseconds; the job is on two workers of three."""
    took = []
    with running(3, ALL_HELPERS) as service:
        client = service.client
        for _ in range(times):
            created = client.create_job(job(NETS["mlp784"], "sgd", STEPS) | {"workers": 2})
            _wait(client, created["id"], partial(_is_past, 0))
            time.sleep(STEADY_SECONDS)
            claims = _claims(client.job(created["id"]))
            begin = time.monotonic()
            os.kill(_pid_of(client, created["id"]), signal.SIGKILL)
            again = _wait(client, created["id"], partial(_runs_again, claims))
            _wait(client, created["id"], partial(_is_past, again["progress"]["step"]))
            took.append((time.monotonic() - begin) * 1000)
            client.cancel(created["id"])
            _wait(client, created["id"], lambda seen: bool(seen["is_terminal"]))
    return {"lead_ms": took}


def _is_past(step: int, seen: JsonObject) -> bool:
    return bool(seen["progress"]["step"] > step)


def _claims(seen: JsonObject) -> int:
    """How often a worker has begun to lead it."""
    return sum(transition["status"] == "running" for transition in seen["transitions"])


def _runs_again(claims: int, seen: JsonObject) -> bool:
    return bool(_claims(seen) > claims and seen["status"] == "running")


def _pid_of(client: Client, job_id: str) -> int:
    """The process of the worker that leads a job."""
    (pid,) = (
        worker["pid"]
        for worker in client.workers()["data"]
        if worker["job_id"] == job_id and worker["state"] == "leading"
    )
    return int(pid)


def _wait(client: Client, job_id: str, holds: Callable[[JsonObject], bool]) -> JsonObject:
    """The job, once something holds of it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds(seen := client.job(job_id)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"job {job_id} waited {DEADLINE_SECONDS:g} s for its next state: {seen}")
        time.sleep(PAUSE_SECONDS)
    return seen
