"""Thousands of small jobs under a short retention: does the file stop growing, and do claims stay as fast?

    python -m benchmarks.retention [JOBS] [KEPT_SECONDS]

One service, two workers, SQLite. A twelfth of the jobs are posted and trained; the others are put into the
database by the store's own functions, each with three checkpoints, a history and weights, while the service
runs. At the start, at each fifth and at the end it measures: the file with its log, the memory of the API
process, and how long small jobs wait for their claim (the median of 20). KEPT_SECONDS (10) is how long
checkpoints stay, jobs four times as long; 0: both for ever, to compare.
"""

import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import environment
from benchmarks.service import Service, finish, running
from lockstep.core.learning.report import Points
from lockstep.service.store import checkpoints, claims, endings, history, jobs, leases, weights
from lockstep.service.store.address import sqlite_url
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import parts_of

LINE = {
    "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
    "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "epochs": 1000,
    "batch_size": "full",
}
PARTS = 5
TRAINED_SHARE = 12
PROBES = 20
STATE_BYTES = 64 * 1024
STEPS = 2000
SETTLING = 20
"""After so many times KEPT_SECONDS nothing that was due should be left."""
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the service takes after so many jobs; `wait_ms` from POST to the claim."""

    jobs: int
    file_bytes: int
    log_bytes: int
    jobs_left: int
    memory_bytes: int
    wait_ms: float


class Filler:
    """Puts jobs that are over into the database."""

    def __init__(self, path: Path) -> None:
        self._database = Database(sqlite_url(path))
        self._random = np.random.default_rng(0)
        self._worker = WorkerIdentity(worker_id="worker_filler", pid=1, host="here", fingerprint="f" * 64)

    def put(self) -> None:
        """One more, in one transaction: so no worker takes it."""
        spec = parts_of('{"kind": "train"}', '{"kind": "train"}', ()).stored
        new = NewJob(owner_id="owner_filler", spec=spec, spec_sha256="5" * 64, steps=STEPS)
        losses = Points(steps=np.arange(STEPS), values=self._random.random(STEPS))
        with self._database.write() as tx:
            job_id = jobs.create(tx, new).id
            held = leases.claim_next(tx, self._worker, 15.0)
            if held is None or held.job_id != job_id:
                raise RuntimeError("expected no other job to wait")
            fence = claims.lock(tx, held)
            for step in (0, STEPS // 2, STEPS):
                checkpoints.save(fence, step, self._random.bytes(STATE_BYTES))
            history.append(fence, {"loss": losses})
            weights.save(fence, self._random.bytes(STATE_BYTES), "{}")
            result = {"steps": STEPS, "stop_reason": "steps_done", "loss": 0.5, "metrics": {}}
            endings.succeed(fence, {**result, "parameters": None, "weights_sha256": "0" * 64})

    def close(self) -> None:
        """Close the database."""
        self._database.dispose()


def measure(service: Service, count: int) -> Measured:
    """How things stand after `count` jobs."""
    waits = []
    for _ in range(PROBES):
        job = service.client.create_job(LINE)
        waits.append(finish(service.client, job["id"], pause_seconds=0.01)["timings"]["queued_ms"])
    path = service.data_dir / "lockstep.db"
    with closing(sqlite3.connect(path)) as connection:
        (left,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    return Measured(
        jobs=count,
        file_bytes=path.stat().st_size,
        log_bytes=path.with_name("lockstep.db-wal").stat().st_size,
        jobs_left=left,
        memory_bytes=max(map(_resident_bytes, _api_processes(service.pid))),
        wait_ms=statistics.median(waits),
    )


def _api_processes(supervisor: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == supervisor and b"lockstep.service.local.serve" in command:
            yield int(entry.name)


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def run(count: int, kept_seconds: float) -> Iterator[Measured]:
    """The figures before, at each fifth, and once all that was due has gone."""
    settings = {
        "LOCKSTEP_KEEP_CHECKPOINTS_SECONDS": str(kept_seconds),
        "LOCKSTEP_KEEP_JOBS_SECONDS": str(4 * kept_seconds),
    }
    with running(2, settings) as service:
        filler = Filler(service.data_dir / "lockstep.db")
        try:
            yield measure(service, 0)
            for part in range(1, PARTS + 1):
                trained = count // PARTS // TRAINED_SHARE
                for job in [service.client.create_job(LINE) for _ in range(trained)]:
                    finish(service.client, job["id"], pause_seconds=0.01)
                for _ in range(count // PARTS - trained):
                    filler.put()
                yield measure(service, count * part // PARTS)
            if kept_seconds:
                time.sleep(SETTLING * kept_seconds)
                yield measure(service, count)
        finally:
            filler.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    kept_seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    print(environment())
    print(f"{count} jobs; checkpoints stay {kept_seconds:g} s, jobs {4 * kept_seconds:g} s (0: for ever)")
    started_at = time.monotonic()
    for found in run(count, kept_seconds):
        print(
            f"{found.jobs:>6} jobs  {time.monotonic() - started_at:>6.0f} s  "
            f"left {found.jobs_left:>5}  file {found.file_bytes / MIB:>7.1f} MiB  "
            f"log {found.log_bytes / MIB:>6.1f} MiB  "
            f"API {found.memory_bytes / MIB:>6.1f} MiB  POST to claim {found.wait_ms:>5.1f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
