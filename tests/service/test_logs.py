"""No secret and no user's data in a log, however the database fails."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.settings import Settings
from lockstep.service.store import claims, keys, leases, seats
from lockstep.service.store.database import Database, clock
from lockstep.service.store.tables import api_keys, attempts, metadata, workers
from tests.service.submissions import KEY, LINE, WORKER
from tests.worker.bench import Bench

logger = logging.getLogger(__name__)
GROUP_SECRET = b"the-secret-of-the-group-32-bytes"
NAMED, HELD = "named-by-its-user", "held-by-its-user"
SUBMITTED: dict[str, Any] = LINE | {
    "name": NAMED,
    "metadata": {"patient": HELD},
    "data": {"inline": {"x": [31415.926535, 2], "y": [6, 8]}},
}


@contextmanager
def without(database: Database, table: str) -> Iterator[None]:
    """A database that lacks a table meanwhile."""
    with database.write() as tx:
        tx.execute(text(f"ALTER TABLE {table} RENAME TO gone"))
    try:
        yield
    finally:
        with database.write() as tx:
            tx.execute(text(f"ALTER TABLE gone RENAME TO {table}"))


def logged(database: Database, work: Any) -> None:
    """Do what fails as a worker does it: the traceback goes into the log."""
    try:
        with database.write() as tx:
            work(tx)
    except Exception:
        logger.exception("action=failed")


def test_a_run_full_of_errors_logs_none(
    any_api: TestClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with database.write() as tx:
        _, secret = keys.create(tx, "owner_1", NAMED, frozenset({"read", "write"}))
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    any_api.post("/v1/jobs", json=SUBMITTED)
    with database.write() as tx:
        taken = leases.claim_next(tx, WORKER, 60.0)
    assert taken is not None

    for table in metadata.tables:
        with without(database, table):
            headers = {"Authorization": f"Bearer {secret}"}
            any_api.app.state.services.keyring._remembered.clear()  # type: ignore[attr-defined]
            with suppress(SQLAlchemyError):
                any_api.post("/v1/jobs", json=SUBMITTED, headers={**headers, "Idempotency-Key": "once-only"})
                any_api.get("/v1/jobs", headers=headers)
            logged(
                database,
                lambda tx: seats.publish_address(claims.lock(tx, taken), "10.0.0.1", 1, GROUP_SECRET),
            )
            with suppress(Exception):
                Bench(database=database, settings=Settings(database_url="sqlite:///unused")).lead()
    for values in _violations(hashed):
        logged(database, values)

    assert caplog.text.count("Error") > 20
    for told in (
        *(secret, hashed, KEY, hashlib.sha256(KEY.encode()).hexdigest()),
        *(GROUP_SECRET.decode(), GROUP_SECRET.hex()),
        *(NAMED, HELD, "31415.926535", "once-only"),
    ):
        assert told not in caplog.text, told


def _violations(hashed: str) -> Iterator[Any]:
    """Statements that break a rule of the tables, which servers like to quote."""
    row = {"id": "key_2", "owner_id": "o", "name": NAMED, "sha256": hashed, "scopes": "read"}
    yield lambda tx: tx.execute(insert(api_keys).values(created_at=clock(), **row))
    yield lambda tx: tx.execute(insert(api_keys).values(id="key_3", name=NAMED, sha256=hashed))
    yield lambda tx: tx.execute(
        insert(attempts).values(job_id=HELD, number=1, worker_id="w", secret=GROUP_SECRET, pid=1, host="h")
    )
    yield lambda tx: tx.execute(insert(workers).values(id="w" * 5000, host=HELD, pid=hashed))
    yield lambda tx: tx.execute(text("SELECT CAST(:value AS integer) FROM nowhere"), {"value": hashed})
    yield lambda tx: tx.execute(text("SELECT CAST(:value AS integer) FROM api_keys"), {"value": hashed})
