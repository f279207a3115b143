"""Jobs that start with the weights of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from lockstep.core.run import blank_checkpoint
from lockstep.service.store import (
    checkpoints,
    claims,
    keys,
    left_blobs,
    removal,
    specs,
    starts,
    weights,
)
from lockstep.service.store.checkpoints import KeptMarks
from lockstep.service.store.database import Database
from lockstep.service.store.tables import jobs
from tests.service.submissions import CLASSES, LINE, claim, succeed
from tests.stored_jobs import blob_names

WEIGHTS = {
    "0.weight": np.array([[1, 0], [0, 1], [2, 2]], dtype=np.float32),
    "0.bias": np.array([0, 1, 0], dtype=np.float32),
}


def refused(api: TestClient, spec: dict[str, Any]) -> tuple[int, dict[str, str]]:
    response = api.post("/v1/jobs", json=spec)
    (error,) = response.json()["errors"]
    return response.status_code, error


@pytest.fixture
def finished(api: TestClient, store: Database) -> str:
    """A job that has succeeded."""
    api.post("/v1/jobs", json=CLASSES)
    return succeed(store, WEIGHTS)


def test_a_job_starts_from_one_that_has_succeeded(api: TestClient, finished: str) -> None:
    response = api.post("/v1/jobs", json=CLASSES | {"start_from": finished})

    assert response.status_code == 201
    assert response.json()["spec"]["start_from"] == finished


def test_it_is_checked_without_making_a_job(api: TestClient) -> None:
    spec = CLASSES | {"start_from": "job_0"}

    assert api.post("/v1/jobs?validate_only=true", json=spec).status_code == 404
    assert api.get("/v1/jobs").json()["data"] == []


def test_an_unknown_job_is_refused(api: TestClient) -> None:
    status, error = refused(api, CLASSES | {"start_from": "job_0"})

    assert (status, error["pointer"], error["code"]) == (404, "/start_from", "unknown_job")


def test_a_job_of_another_owner_is_unknown(api: TestClient, store: Database, finished: str) -> None:
    with store.write() as tx:
        _, secret = keys.create(tx, "owner_2", "other", frozenset({"read", "write"}))
    headers = {"Authorization": f"Bearer {secret}"}

    response = api.post("/v1/jobs", json=CLASSES | {"start_from": finished}, headers=headers)

    assert response.status_code == 404


def test_a_job_that_has_not_succeeded_is_refused(api: TestClient) -> None:
    queued = api.post("/v1/jobs", json=CLASSES).json()["id"]

    status, error = refused(api, CLASSES | {"start_from": queued})

    assert (status, error["pointer"], error["code"]) == (409, "/start_from", "result_not_ready")
    assert "queued" in error["message"]


def test_other_weights_are_named(api: TestClient, finished: str) -> None:
    layers = [{"type": "linear", "in": 2, "out": 4}, {"type": "relu"}, {"type": "linear", "in": 4, "out": 3}]

    status, error = refused(api, CLASSES | {"model": {"layers": layers}, "start_from": finished})

    assert (status, error["pointer"], error["code"]) == (422, "/start_from", "other_weights")
    for part in ("2.weight is missing there", "0.weight is (4, 2) here and (3, 2) there"):
        assert part in error["message"]


def test_an_expression_starts_from_another(api: TestClient, store: Database) -> None:
    api.post("/v1/jobs", json=LINE)
    first = succeed(store, {"a": np.array(2.0), "b": np.array(4.0)})

    assert api.post("/v1/jobs", json=LINE | {"start_from": first}).status_code == 201


def test_an_id_that_is_none_is_refused(api: TestClient) -> None:
    status, error = refused(api, CLASSES | {"start_from": "../x"})

    assert (status, error["pointer"]) == (422, "/start_from")
    assert "a job's id" in error["message"]


def start_of(store: Database, job_id: str) -> str | None:
    with store.read() as tx:
        return tx.execute(select(jobs.c.start_sha256).where(jobs.c.id == job_id)).scalar_one()


def run_up_to(store: Database, *steps: int) -> str:
    """The oldest queued job, running, with checkpoints of these steps."""
    taken = claim(store)
    with store.read() as tx:
        blank = blank_checkpoint(specs.load(tx, taken.job_id).resolved())
    for step in steps:
        state = replace(blank, step=step, parameters=np.full_like(blank.parameters, step))
        with store.write() as tx:
            checkpoints.save(claims.lock(tx, taken), step, state.to_bytes(), KeptMarks(regular=True))
    return taken.job_id


def test_the_weights_are_pinned(api: TestClient, store: Database, finished: str) -> None:
    job_id = api.post("/v1/jobs", json=CLASSES | {"start_from": finished}).json()["id"]

    with store.read() as tx:
        assert start_of(store, job_id) == weights.blob_of(tx, finished)
    with store.write() as tx:
        left_blobs.take_out(tx, removal.remove(tx, finished))
    with store.read() as tx:
        pinned = starts.load(tx, job_id)
    assert pinned is not None
    np.testing.assert_array_equal(pinned["0.weight"], WEIGHTS["0.weight"])


def test_a_checkpoint_of_a_job_that_runs_is_a_start(any_api: TestClient, database: Database) -> None:
    any_api.post("/v1/jobs", json=CLASSES)
    first = run_up_to(database, 0, 5, 10)

    job = any_api.post("/v1/jobs", json=CLASSES | {"start_from": {"job": first, "step": 5}}).json()

    assert job["spec"]["start_from"] == {"job": first, "step": 5}
    with database.read() as tx:
        pinned = starts.load(tx, job["id"])
    assert pinned is not None
    assert (pinned["0.weight"] == 5).all()


def test_a_step_without_a_checkpoint_is_refused_with_those_that_there_are(
    api: TestClient, store: Database
) -> None:
    api.post("/v1/jobs", json=CLASSES)
    first = run_up_to(store, 0, 5, 10)

    status, error = refused(api, CLASSES | {"start_from": {"job": first, "step": 7}})

    assert (status, error["pointer"], error["code"]) == (409, "/start_from", "no_checkpoint")
    assert "0, 5, 10" in error["message"]


def test_a_job_that_has_no_checkpoint_at_all_is_refused(api: TestClient, finished: str) -> None:
    status, error = refused(api, CLASSES | {"start_from": {"job": finished, "step": 0}})

    assert (status, error["code"]) == (409, "no_checkpoint")
    assert "none at all" in error["message"]


def test_shapes_of_a_checkpoint_are_compared_too(api: TestClient, store: Database) -> None:
    api.post("/v1/jobs", json=CLASSES)
    first = run_up_to(store, 5)
    layers = [{"type": "linear", "in": 2, "out": 4}, {"type": "relu"}, {"type": "linear", "in": 4, "out": 3}]

    status, error = refused(
        api, CLASSES | {"model": {"layers": layers}, "start_from": {"job": first, "step": 5}}
    )

    assert (status, error["pointer"], error["code"]) == (422, "/start_from", "other_weights")


@pytest.mark.parametrize("start", [{"job": "job_1"}, {"step": 1}, {"job": "../x", "step": 1}, {}, 7])
def test_a_start_of_another_form_is_refused(api: TestClient, start: object) -> None:
    response = api.post("/v1/jobs", json=CLASSES | {"start_from": start})

    assert response.status_code == 422
    assert all(error["pointer"].startswith("/start_from") for error in response.json()["errors"])


def test_to_validate_stores_nothing(api: TestClient, store: Database) -> None:
    api.post("/v1/jobs", json=CLASSES)
    first = run_up_to(store, 5)
    spec = CLASSES | {"start_from": {"job": first, "step": 5}}

    assert api.post("/v1/jobs?validate_only=true", json=spec).status_code == 200

    assert blob_names(store) == set()
    assert api.post("/v1/jobs", json=spec).status_code == 201
    assert len(blob_names(store)) == 1


def test_what_is_verified_starts_with_the_same_weights(
    api: TestClient, store: Database, finished: str
) -> None:
    api.post("/v1/jobs", json=CLASSES | {"start_from": finished})
    second = succeed(store, WEIGHTS)
    with store.write() as tx:
        left_blobs.take_out(tx, removal.remove(tx, finished))

    copy = api.post(f"/v1/jobs/{second}/verify", json={"workers": 1}).json()["id"]

    assert start_of(store, copy) == start_of(store, second)


def test_a_clone_starts_with_what_its_source_has_pinned(
    api: TestClient, store: Database, finished: str
) -> None:
    source = api.post("/v1/jobs", json=CLASSES | {"start_from": finished}).json()["id"]
    with store.write() as tx:
        left_blobs.take_out(tx, removal.remove(tx, finished))

    clone = api.post(f"/v1/jobs/{source}/clone", json={"epochs": 3})
    layers = [{"type": "linear", "in": 2, "out": 4}, {"type": "relu"}, {"type": "linear", "in": 4, "out": 3}]
    other = api.post(f"/v1/jobs/{source}/clone", json={"model": {"layers": layers}})
    elsewhere = api.post(f"/v1/jobs/{source}/clone", json={"start_from": {"job": finished, "step": 0}})

    assert clone.status_code == 201
    assert start_of(store, clone.json()["id"]) == start_of(store, source)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "other_weights")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "unknown_job")


def test_a_post_that_is_sent_again_is_answered_though_the_other_job_is_gone(
    api: TestClient, store: Database, finished: str
) -> None:
    body, once = CLASSES | {"start_from": finished}, {"Idempotency-Key": "k"}
    job_id = api.post("/v1/jobs", json=body, headers=once).json()["id"]
    with store.write() as tx:
        removal.remove(tx, finished)

    assert api.post("/v1/jobs", json=body, headers=once).json()["id"] == job_id
