"""What a job says of when it comes and how long it may take."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from lockstep.service.store.database import Database
from lockstep.service.store.tables import jobs
from tests.service.submissions import LINE

MINIMIZE = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1.2},
    "optimizer": {"type": "sgd", "learning_rate": 0.3},
}
SOLVE = {"kind": "solve", "expression": "2*x", "start": {"x": 1}, "target": 3}


def stored(database: Database, job_id: str) -> Any:
    with database.read() as tx:
        return tx.execute(select(jobs).where(jobs.c.id == job_id)).one()


@pytest.mark.parametrize("spec", [LINE, MINIMIZE, SOLVE], ids=["train", "minimize", "solve"])
def test_a_job_of_any_kind_takes_a_priority_and_limits(
    api: TestClient, store: Database, spec: dict[str, Any]
) -> None:
    limits = {"max_run_seconds": 600, "max_queue_seconds": 0.5}
    job = api.post("/v1/jobs", json=spec | limits | {"priority": -100}).json()

    assert job["priority"] == -100
    assert {name: job["spec"][name] for name in limits} == limits
    assert api.get("/v1/jobs").json()["data"][0]["priority"] == -100
    row = stored(store, job["id"])
    assert (row.priority, row.max_run_seconds, row.max_queue_seconds) == (-100, 600, 0.5)


def test_a_plain_job_is_stored_as_before_there_were_such_keys(api: TestClient, store: Database) -> None:
    """Workers of the version before refuse unknown keys."""
    job = api.post("/v1/jobs", json=LINE | {"seed": 1}).json()
    urgent = api.post("/v1/jobs", json=LINE | {"seed": 1, "priority": 7}).json()

    assert (job["priority"], urgent["priority"]) == (0, 7)
    rows = [stored(store, each["id"]) for each in (job, urgent)]
    assert rows[0].spec_json == rows[1].spec_json
    assert rows[0].spec_sha256 == rows[1].spec_sha256
    assert not {"priority", "max_run_seconds", "max_queue_seconds"} & set(urgent["spec"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("priority", 101),
        ("priority", -101),
        ("priority", 1.5),
        ("priority", "high"),
        ("priority", None),
        ("max_run_seconds", 0),
        ("max_run_seconds", "1h"),
        ("max_queue_seconds", -1),
        ("max_queue_seconds", 1e9),
    ],
)
def test_what_is_none_is_refused(shared_api: TestClient, key: str, value: object) -> None:
    answer = shared_api.post("/v1/jobs", json=LINE | {key: value})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{key}"]
