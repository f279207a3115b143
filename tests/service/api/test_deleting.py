"""A job that is over is deleted over HTTP: all that is its own goes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from lockstep.core.learning.report import Points
from lockstep.service.settings import Settings
from lockstep.service.store import replays
from lockstep.service.store.columns import metadata
from lockstep.service.store.database import Database
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import idempotency_keys
from tests.service.api.test_verbs import create
from tests.service.submissions import LINE, succeed
from tests.stored_jobs import job_in
from tests.worker.bench import Bench

VALUES = {"a": np.array(2.0), "b": np.array(4.0)}


@pytest.mark.parametrize("status", ["queued", "running", "pausing", "paused", "cancelling"])
def test_a_job_that_is_not_over_is_not_deleted(any_api: TestClient, database: Database, status: str) -> None:
    job_id, _ = job_in(database, status)

    response = any_api.delete(f"/v1/jobs/{job_id}")

    assert (response.status_code, response.json()["code"]) == (409, "job_not_over")
    assert any_api.get(f"/v1/jobs/{job_id}").json()["status"] == status


def rows(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    with database.read() as tx:
        return {
            name: tx.execute(select(func.count()).select_from(each)).scalar_one()
            for name, each in metadata.tables.items()
        }


def test_all_that_is_a_jobs_own_goes_with_it(any_api: TestClient, database: Database) -> None:
    bench = Bench(database=database, settings=Settings(database_url="sqlite:///unused"))
    any_api.get("/v1/jobs")
    before = rows(database)
    job_id = create(any_api, metadata={"team": "a"})["id"]
    assert bench.lead().status == "succeeded"
    with database.write() as tx:
        replays.ask(tx, Asked(job_id=job_id, question="gradients", step=0))
    filled = {name for name, count in rows(database).items() if count > before[name]}
    assert filled >= {"jobs", "job_metadata", "attempts", "history", "weights", "events", "replays"}

    gone = any_api.delete(f"/v1/jobs/{job_id}")

    assert (gone.status_code, gone.json()) == (200, {"id": job_id, "object": "job", "deleted": True})
    left = {name for name, count in rows(database).items() if count > before[name]}
    assert left <= {"blob_parts", "owners", "counters"}
    for path in ("", "/spec", "/history", "/events", "/weights", "/members", "/checkpoints"):
        assert any_api.get(f"/v1/jobs/{job_id}{path}").status_code == 404, path
    assert any_api.delete(f"/v1/jobs/{job_id}").status_code == 404
    assert any_api.get("/v1/jobs").json()["data"] == []


def test_a_model_that_is_loaded_goes_too(api: TestClient, store: Database) -> None:
    job_id = create(api)["id"]
    succeed(store, VALUES)
    assert api.post(f"/v1/jobs/{job_id}/predict", json={"x": [3]}).json()["y"] == [10.0]

    api.delete(f"/v1/jobs/{job_id}")

    assert api.post(f"/v1/jobs/{job_id}/predict", json={"x": [3]}).status_code == 404


def test_a_post_that_is_repeated_makes_no_other_job(any_api: TestClient, database: Database) -> None:
    sent = {"Idempotency-Key": "once"}
    job_id = create(any_api, sent)["id"]
    succeed(database, VALUES)
    again = any_api.post(f"/v1/jobs/{job_id}/verify", json={"workers": 1}, headers={"Idempotency-Key": "v"})
    copy = any_api.post(f"/v1/jobs/{job_id}/clone", json={"epochs": 3}, headers={"Idempotency-Key": "c"})
    for made in (again, copy):
        any_api.post(f"/v1/jobs/{made.json()['id']}/cancel")
        assert any_api.delete(f"/v1/jobs/{made.json()['id']}").status_code == 200
    # What another verifies, or was cloned from.
    assert any_api.delete(f"/v1/jobs/{job_id}").status_code == 200

    repeats = (
        any_api.post("/v1/jobs", json=LINE, headers=sent),
        any_api.post(f"/v1/jobs/{job_id}/verify", json={"workers": 1}, headers={"Idempotency-Key": "v"}),
        any_api.post(f"/v1/jobs/{job_id}/clone", json={"epochs": 3}, headers={"Idempotency-Key": "c"}),
    )

    assert [(each.status_code, each.json()["code"]) for each in repeats] == [(409, "job_deleted")] * 3
    assert any_api.post("/v1/jobs", json=LINE | {"epochs": 9}, headers=sent).status_code == 422
    with database.read() as tx:
        assert len(tx.execute(select(idempotency_keys)).all()) == 3


def test_jobs_that_came_of_a_deleted_one_are_as_they_were(any_api: TestClient, database: Database) -> None:
    job_id = create(any_api)["id"]
    succeed(database, VALUES)
    once = {"Idempotency-Key": "once"}
    twice = {"Idempotency-Key": "twice"}
    verifier = any_api.post(f"/v1/jobs/{job_id}/verify", json={"workers": 1}, headers=once).json()
    copy = any_api.post(f"/v1/jobs/{job_id}/clone", json={}, headers=twice).json()

    assert any_api.delete(f"/v1/jobs/{job_id}").status_code == 200

    for made, of in ((verifier, "verifies"), (copy, "cloned_from")):
        now = any_api.get(f"/v1/jobs/{made['id']}").json()
        assert now == made
        assert now[of] == job_id
    # Their POSTs are repeated as before, though what they were about is gone.
    for made, verb, body, sent in ((verifier, "verify", {"workers": 1}, once), (copy, "clone", {}, twice)):
        again = any_api.post(f"/v1/jobs/{job_id}/{verb}", json=body, headers=sent)
        assert (again.status_code, again.json()["id"]) == (201, made["id"])
        assert any_api.post(f"/v1/jobs/{job_id}/{verb}", json=body).status_code == 404


def test_a_series_of_a_deleted_job_is_not_another_jobs(any_api: TestClient, database: Database) -> None:
    first, second = create(any_api)["id"], create(any_api)["id"]
    for _ in range(2):
        succeed(database, VALUES, {"loss": Points(steps=np.arange(3), values=np.arange(3.0))})

    any_api.delete(f"/v1/jobs/{first}")

    assert len(any_api.get(f"/v1/jobs/{second}/history").json()["series"]["loss"]["steps"]) == 3
    assert any_api.get(f"/v1/jobs/{second}/weights?format=json").status_code == 200
