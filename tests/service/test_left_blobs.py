"""A POST that fails between its blob and its job leaves nothing for long, and one beside it loses nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from lockstep.service.left_blobs import LEFT_SECONDS, LOOK_SECONDS, LeftBlobs
from lockstep.service.reconciler import Reconciler
from lockstep.service.store.database import Database
from tests.service.submissions import LINE
from tests.service.test_reconciler import Heard
from tests.stored_jobs import blob_names


def large() -> dict[str, Any]:
    """A job whose data are a blob."""
    x, y = np.random.default_rng(3).normal(size=(2, 4000)).tolist()
    return LINE | {"data": {"inline": {"x": x, "y": y}}, "seed": 5}


def change(database: Database, *statements: str) -> None:
    with database.write() as tx:
        for statement in statements:
            tx.exec_driver_sql(statement)


def test_the_reconciler_takes_out_what_a_post_left(api: TestClient, store: Database) -> None:
    change(store, "CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert api.post("/v1/jobs", json=large()).status_code >= 500
    change(store, "DROP TRIGGER full")
    left = blob_names(store)
    assert len(left) == 1
    seconds = 0.0
    reconciler = Reconciler(store, Heard(), 600, LeftBlobs(store, lambda: seconds))

    reconciler.tick()
    seconds = LEFT_SECONDS - LOOK_SECONDS
    reconciler.tick()
    assert blob_names(store) == left
    seconds = LEFT_SECONDS
    reconciler.tick()
    assert blob_names(store) == set()


def test_a_post_whose_blob_is_taken_out_before_its_job_is_there_puts_it_back(
    api: TestClient, store: Database
) -> None:
    change(
        store,
        "CREATE TABLE taken (blob TEXT)",
        "CREATE TRIGGER taking AFTER INSERT ON blob_parts WHEN NOT EXISTS (SELECT 1 FROM taken) BEGIN "
        "INSERT INTO taken VALUES (NEW.sha256); DELETE FROM blob_parts; END",
    )
    sent = large()
    job = api.post("/v1/jobs", json=sent).json()

    with store.read() as tx:
        [taken] = tx.exec_driver_sql("SELECT blob FROM taken").scalars()
    assert blob_names(store) == {taken}
    assert api.get(job["spec_url"]).json()["data"]["inline"] == sent["data"]["inline"]
