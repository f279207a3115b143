"""A service of the benchmark's own: `lockstep up` on a free port, in a directory that is thrown away."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockstep.service.client import Client, JsonObject

START_SECONDS = 60.0
STOP_SECONDS = 20.0
JOB_SECONDS = 600.0


ALL_HELPERS = {"LOCKSTEP_GROUP_HELPERS": "all"}
"""A lead takes as many as the job wants, whether they pay or not."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service: its client, its data directory, the pid of its supervisor."""

    client: Client
    data_dir: Path
    pid: int


@contextmanager
def running(workers: int, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """Start a service with so many workers, wait until all of them are there, and end it afterwards.

    `settings`: LOCKSTEP_* variables; those of this process are not passed on.
    """
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        data_dir = Path(folder) / "data"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCKSTEP_")}
        environment |= settings or {}
        command = [sys.executable, "-m", "lockstep", "up", "--workers", str(workers), "--port", "0"]
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            url = _wait_for(data_dir / "url", process)
            with Client(url, (data_dir / "api-key").read_text().strip()) as client:
                wait_for_workers(client, workers)
                yield Service(client=client, data_dir=data_dir, pid=process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"lockstep up did not start (exit status {process.poll()})")
        time.sleep(0.05)
    return path.read_text().strip()


def wait_for_workers(client: Client, workers: int) -> None:
    """Return once so many workers have been heard of."""
    deadline = time.monotonic() + START_SECONDS
    while len(client.workers()["data"]) < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"expected {workers} workers, got {client.workers()['data']}")
        time.sleep(0.1)


def finish(client: Client, job_id: str, *, pause_seconds: float = 0.1) -> JsonObject:
    """Wait for a job's end and return it; raises where it did not succeed."""
    deadline = time.monotonic() + JOB_SECONDS
    while not (job := client.job(job_id))["is_terminal"]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"job {job_id} is not over after {JOB_SECONDS:.0f} s: {job['progress']}")
        time.sleep(pause_seconds)
    if job["status"] != "succeeded":
        raise RuntimeError(f"job {job_id} {job['status']}: {job['error']}")
    return job
