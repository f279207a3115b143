"""What crashes and lost messages leave behind is repaired."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from lockstep.service.bell import TaskName
from lockstep.service.reconciler import Reconciler
from lockstep.service.store import jobs, workers
from lockstep.service.store.database import Database
from lockstep.service.store.workers import WorkerState
from tests.service.broker import wait_until
from tests.service.submissions import LINE, claim

IDLE = WorkerState(worker_id="worker_1", host="here", pid=1, state="idle", job_id=None, fingerprint="f" * 64)


class Heard:
    """A bell that remembers."""

    def __init__(self) -> None:
        self.rings: list[tuple[TaskName, str]] = []

    def ring(self, task: TaskName, job_id: str) -> None:
        self.rings.append((task, job_id))


def make_due(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE jobs SET ring_due_at = 0, lease_expires_at = lease_expires_at - 1000"))


def test_it_rings_for_queued_jobs_that_nobody_heard_of(any_api: TestClient, database: Database) -> None:
    job_id = any_api.post("/v1/jobs", json=LINE).json()["id"]
    heard = Heard()
    reconciler = Reconciler(database, heard, 1.0)
    reconciler.tick()
    assert heard.rings == []  # POST has just rung
    make_due(database)
    reconciler.tick()
    reconciler.tick()
    assert heard.rings == [("lead", job_id)]


def test_it_evicts_an_attempt_whose_lease_ran_out_and_rings(any_api: TestClient, database: Database) -> None:
    job_id = any_api.post("/v1/jobs", json=LINE).json()["id"]
    claim(database)
    heard = Heard()
    Reconciler(database, heard, 1.0).tick()
    assert any_api.get(f"/v1/jobs/{job_id}").json()["status"] == "running"
    make_due(database)
    Reconciler(database, heard, 1.0).tick()
    with database.read() as tx:
        job = jobs.get(tx, job_id, None)
    assert (job.status, job.attempt) == ("queued", 2)
    assert heard.rings == [("lead", job_id)]


def test_a_job_that_waits_while_no_worker_is_there_says_so(any_api: TestClient, database: Database) -> None:
    ids = [any_api.post("/v1/jobs", json=LINE).json()["id"] for _ in range(2)]
    lost = claim(database).job_id
    make_due(database)
    reconciler = Reconciler(database, Heard(), 1.0)

    def told() -> list[tuple[str | None, bool, int]]:
        found = [any_api.get(f"/v1/jobs/{job_id}").json() for job_id in ids]
        with database.read() as tx:
            versions = [jobs.get(tx, job_id, None).version for job_id in ids]
        return [
            (job["status_reason"], bool(job["status_message"]), version)
            for job, version in zip(found, versions, strict=True)
        ]

    reconciler.tick()
    first = told()
    reconciler.tick()

    assert lost in ids
    assert [(str(reason), message) for reason, message, _ in first] == [("no_worker", True)] * 2
    assert told() == first  # nothing moves where nothing is new
    with database.write() as tx:
        workers.heartbeat(tx, IDLE)
    reconciler.tick()
    assert [(str(reason), message) for reason, message, _ in told()] == [("waiting_for_worker", False)] * 2
    with database.write() as tx:
        workers.remove(tx, "worker_1")
    reconciler.tick()
    assert [reason for reason, _, _ in told()] == ["no_worker"] * 2
    assert claim(database).job_id in ids
    reconciler.tick()
    assert sorted(str(reason) for reason, _, _ in told()) == ["None", "no_worker"]


def test_it_outlives_an_outage_of_the_database(
    tmp_path: Path, migrated_sqlite_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "late" / "x.db"
    database = Database(f"sqlite:///{path}")
    with caplog.at_level(logging.INFO), Reconciler(database, Heard(), 0.02):
        wait_until(lambda: "action=reconcile_failed" in caplog.text)
        path.parent.mkdir()
        partial = path.with_suffix(".copy")
        shutil.copyfile(migrated_sqlite_path, partial)
        sqlite3.connect(partial).close()
        partial.rename(path)
        wait_until(lambda: "action=reconcile_recovered" in caplog.text)
    database.dispose()
    assert caplog.text.count("action=reconcile_failed") == 1
