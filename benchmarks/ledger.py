"""Claim, list, /v1/queue and POST beside 10,000 queued jobs of 100 owners and 100,000 ended ones.

    python -m benchmarks.ledger [DATABASE_URL]

Without an address: SQLite, in a folder that is thrown away. The database at the address must be empty, and is
filled. First the times are taken with a few queued jobs of one owner, then with all. Requests go to the
application in this process, so there is no network in them; a claim is its whole transaction.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import insert, select

from benchmarks.report import environment
from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from lockstep.service.store import jobs, leases
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.service.store.ids import new_id
from lockstep.service.store.migrating import migrate
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.specs import parts_of
from lockstep.service.store.tables import events
from lockstep.service.store.tables import jobs as table

QUEUED, OWNERS, ENDED = 10_000, 100, 100_000
FEW = 200
TRIES = 100
BATCH = 5_000
KEY = "benchmark-of-the-ledger"
WORKER = WorkerIdentity(worker_id="worker_bench", pid=1, host="bench", fingerprint="f" * 64)
SPEC: dict[str, Any] = {
    "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
    "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "epochs": 1000,
    "batch_size": "full",
}
TEXT = '{"kind": "train"}'
NEW = NewJob(owner_id="owner_000", spec=parts_of(TEXT, TEXT, ()).stored, spec_sha256="5" * 64, steps=100)
RESULT = (
    '{"steps": 100, "stop_reason": "steps_done", "loss": 0.5, "metrics": {}, "parameters": null, '
    '"weights_sha256": "w"}'
)


@dataclass(frozen=True, kw_only=True)
class Copied:
    """How the copies of a row differ from it."""

    count: int
    owners: int
    changes: dict[str, Any]


def fill(database: Database, copied: Copied) -> None:
    """Add copies of a job, each with the event of its beginning."""
    with database.write() as tx:
        made = jobs.create(tx, replace(NEW, owner_id="owner_000"))
        row = dict(tx.execute(select(table).where(table.c.id == made.id)).mappings().one())
        event = dict(tx.execute(select(events).where(events.c.job_id == made.id)).mappings().one())
        del event["id"]
        tx.execute(table.delete().where(table.c.id == made.id))
    for first in range(0, copied.count, BATCH):
        ids = [new_id("job") for _ in range(min(BATCH, copied.count - first))]
        rows = [
            row | copied.changes | {"id": job_id, "owner_id": f"owner_{number % copied.owners:03}"}
            for number, job_id in enumerate(ids, start=first)
        ]
        with database.write() as tx:
            tx.execute(insert(table), rows)
            tx.execute(insert(events), [event | {"job_id": job_id} for job_id in ids])


def claim(database: Database) -> None:
    """Take the job that comes next."""
    with database.write() as tx:
        if leases.claim_next(tx, WORKER, 600.0) is None:
            raise RuntimeError("expected a job to claim, and there is none")


def timed(name: str, act: Callable[[], object]) -> str:
    """Median and 99th percentile of some tries, in milliseconds."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - start))
    return f"{name} {statistics.median(times):.1f} ({statistics.quantiles(times, n=100)[98]:.1f})"


def measure(database: Database, api: TestClient) -> str:
    """A line of all times."""

    def get(path: str) -> None:
        if api.get(path).status_code != 200:
            raise RuntimeError(f"expected 200 of {path}")

    def post() -> None:
        if api.post("/v1/jobs", json=SPEC).status_code != 201:
            raise RuntimeError("expected 201 of POST /v1/jobs")

    return "; ".join(
        (
            timed("claim", lambda: claim(database)),
            timed("list", lambda: get("/v1/jobs")),
            timed("queue", lambda: get("/v1/queue")),
            timed("POST", post),
        )
    )


@contextmanager
def address() -> Iterator[str]:
    """The database's: an argument, else SQLite's in a folder of its own."""
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'ledger.db'}"


def main() -> None:
    print(environment())
    with address() as url:
        migrate(url)
        database = Database(url)
        settings = Settings(
            database_url=url,
            broker_url="redis://127.0.0.1:1/0",  # where nobody listens
            api_key=SecretStr(KEY),
            reconcile_seconds=600,
        )
        headers = {"Authorization": f"Bearer {KEY}"}
        with TestClient(create_app(settings), headers=headers, base_url="http://localhost") as api:
            fill(database, Copied(count=FEW, owners=1, changes={}))
            print(f"ms, median (99th percentile), {FEW} queued of 1 owner: {measure(database, api)}")
            fill(database, Copied(count=QUEUED, owners=OWNERS, changes={}))
            ended = {"status": "succeeded", "result_json": RESULT, "finished_at": time.time(), "attempt": 2}
            fill(database, Copied(count=ENDED, owners=OWNERS, changes=ended))
            shown = f"{QUEUED:,} queued of {OWNERS} owners, {ENDED:,} ended"
            print(f"ms, median (99th percentile), {shown}: {measure(database, api)}")
        database.dispose()


if __name__ == "__main__":
    main()
