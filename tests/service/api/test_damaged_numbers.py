"""SQLite holds text where a time or a count should be: the job is shown without it, others as ever."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from lockstep.service.store.database import Database
from tests.service.submissions import LINE

COLUMNS = {
    **dict.fromkeys(("created_at", "updated_at", "started_at", "first_step_at", "finished_at"), "times"),
    **dict.fromkeys(("attempt", "workers_wanted", "workers_active", "step", "steps", "epoch"), "counts"),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["not a date", 1e300])
def test_a_number_that_is_none_hides_no_job(
    api: TestClient, store: Database, column: str, value: str | float
) -> None:
    damaged, other = (api.post("/v1/jobs", json=LINE).json()["id"] for _ in range(2))
    with store.write() as tx:
        tx.execute(text(f"UPDATE jobs SET {column} = :value WHERE id = :id"), {"value": value, "id": damaged})  # noqa: S608 - of COLUMNS

    listed = {job["id"]: job for job in api.get("/v1/jobs").json()["data"]}
    job = api.get(f"/v1/jobs/{damaged}").json()

    assert [each["part"] for each in job["damaged"]] == [COLUMNS[column]]
    assert repr(value) in job["damaged"][0]["message"]
    assert listed[damaged]["damaged"] == job["damaged"]
    assert listed[other]["damaged"] == []
    assert api.post(f"/v1/jobs/{damaged}/cancel").json()["status"] == "cancelled"
