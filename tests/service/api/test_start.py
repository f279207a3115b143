"""Jobs that start with the weights of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.service.store import keys
from lockstep.service.store.database import Database
from tests.service.submissions import CLASSES, LINE, succeed

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
