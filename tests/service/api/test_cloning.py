"""A job's spec as a new job: patched, checked like a POST, made once for an Idempotency-Key."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.service.api.body import LARGE_BYTES
from lockstep.service.api.submission import Asked, Cloned, Refusal, Submission, read_submission
from lockstep.service.api.wire import dump_json
from lockstep.service.store.database import Database
from tests.service.submissions import CLASSES, LINE, succeed
from tests.stored_jobs import blob_names

ROWS = 40_000
"""Of two columns: more than the API's own threads read."""
NAMED = LINE | {"name": "one", "metadata": {"team": "a"}}


def create(api: TestClient, spec: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/v1/jobs", json=spec)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


def clone(api: TestClient, job_id: str, patch: object) -> dict[str, Any]:
    response = api.post(f"/v1/jobs/{job_id}/clone", json=patch)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    return job


def whole(api: TestClient, job_id: str) -> dict[str, Any]:
    spec: dict[str, Any] = api.get(f"/v1/jobs/{job_id}/spec").json()
    return spec


def test_a_clone_is_the_same_job_once_more(any_api: TestClient) -> None:
    job = create(any_api, NAMED)

    copy = clone(any_api, job["id"], {})

    assert copy["id"] != job["id"]
    assert (copy["cloned_from"], job["cloned_from"], copy["status"]) == (job["id"], None, "queued")
    assert copy["spec"] == job["spec"]
    assert (copy["name"], copy["metadata"]) == ("one", {"team": "a"})
    assert any_api.get(f"/v1/jobs/{copy['id']}").json() == copy


def test_a_patch_changes_keys_takes_some_out_and_replaces_lists(any_api: TestClient) -> None:
    job = create(any_api, NAMED | {"stop": {"patience": 3, "loss_below": 0.1}})
    patch = {
        "epochs": 77,
        "stop": {"patience": None},
        "seed": None,
        "name": None,
        "metadata": {"team": None, "room": "2"},
        "data": {"inline": {"y": [1, 2]}},
        "model": {"parameters": {"b": 5}},
        "priority": 3,
    }

    copy = clone(any_api, job["id"], patch)

    before, after = job["spec"], copy["spec"]
    assert (after["epochs"], after["stop"]["loss_below"], after["stop"].get("patience")) == (77, 0.1, None)
    assert after["seed"] != before["seed"]
    assert (copy["name"], copy["metadata"], copy["priority"]) == (None, {"room": "2"}, 3)
    assert after["data"]["inline"] == {"x": [1, 2], "y": [1, 2]}
    assert after["model"]["parameters"] == {"a": 4, "b": 5}
    assert copy["progress"]["steps"] == 77


def test_a_clone_is_called_as_the_job_is_by_now(any_api: TestClient) -> None:
    job = create(any_api, NAMED)
    any_api.patch(
        f"/v1/jobs/{job['id']}", json={"name": "two", "priority": 5, "metadata": {"team": None, "x": "y"}}
    )

    copy = clone(any_api, job["id"], {"epochs": 3})

    assert (copy["name"], copy["metadata"], copy["priority"]) == ("two", {"x": "y"}, 5)
    assert copy["spec"]["name"] == "two"


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"epochs": 0}, "/epochs"),
        ({"epoch": 3}, "/epoch"),
        ({"model": {"parameters": {"c": 1}}}, "/model/parameters/c"),
        ({"loss": None}, "/loss"),
        ({"workers": 9}, "/workers"),
        ({"kind": "minimize"}, None),
        ([1], ""),
        (None, None),
    ],
)
def test_a_clone_is_checked_like_a_post(any_api: TestClient, patch: object, pointer: str | None) -> None:
    job = create(any_api, LINE)

    response = any_api.post(
        f"/v1/jobs/{job['id']}/clone", content=json.dumps(patch), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 422, response.text
    assert response.json()["code"] == "invalid_spec"
    if pointer is not None:
        assert pointer in [each["pointer"] for each in response.json()["errors"]]
    assert len(any_api.get("/v1/jobs").json()["data"]) == 1


@pytest.mark.parametrize("body", ['{"epochs": 3', '{"epochs": 3, "epochs": 4}', "", "{}, {}", '{"x": NaN}'])
def test_a_body_that_is_no_json_is_refused(any_api: TestClient, body: str) -> None:
    job = create(any_api, LINE)
    headers = {"Content-Type": "application/json"}

    response = any_api.post(f"/v1/jobs/{job['id']}/clone", content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, "json_invalid")


def test_one_key_makes_one_clone(any_api: TestClient) -> None:
    job, other = create(any_api, LINE), create(any_api, LINE)
    once = {"Idempotency-Key": "once"}
    path = f"/v1/jobs/{job['id']}/clone"

    made = any_api.post(path, json={"epochs": 3}, headers=once)
    again = any_api.post(path, json={"epochs": 3}, headers=once)

    assert again.json() == made.json()
    assert (made.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    for another in (
        any_api.post(path, json={"epochs": 4}, headers=once),
        any_api.post(f"/v1/jobs/{other['id']}/clone", json={"epochs": 3}, headers=once),
        any_api.post("/v1/jobs", json=LINE, headers=once),
    ):
        assert (another.status_code, another.json()["code"]) == (422, "key_reused")


def test_large_data_are_patched_and_shared(any_api: TestClient, database: Database) -> None:
    rows = np.arange(2 * ROWS).reshape(ROWS, 2).tolist()
    spec = CLASSES | {"data": {"inline": {"x": rows, "y": [row % 3 for row in range(ROWS)]}}}
    job = create(any_api, spec)
    sent = whole(any_api, job["id"])
    assert len(any_api.get(f"/v1/jobs/{job['id']}/spec").content) > LARGE_BYTES
    blobs = blob_names(database)

    same = clone(any_api, job["id"], {"epochs": 3})
    assert whole(any_api, same["id"]) == sent | {"epochs": 3}
    assert blob_names(database) == blobs

    weights = {"0.weight": [[1, 2]] * 3, "0.bias": [0, 0, 1]}
    other = clone(
        any_api,
        job["id"],
        {"data": {"inline": {"y": [0] * (ROWS - 3) + [0, 1, 2]}}, "model": {"initial_weights": weights}},
    )
    found = whole(any_api, other["id"])
    assert found["data"]["inline"]["x"] == rows
    assert found["data"]["inline"]["y"][-3:] == [0, 1, 2]
    assert found["model"]["initial_weights"] == weights
    plain = clone(any_api, other["id"], {"model": {"initial_weights": None}})
    assert "initial_weights" not in whole(any_api, plain["id"])["model"]


@pytest.mark.parametrize("spare", [0, -1])
def test_a_clone_does_not_grow_beyond_what_may_be_posted(spare: int) -> None:
    spec, patch = json.dumps(LINE).encode(), {"name": "x" * 100}
    room = len(dump_json(LINE | patch)) + spare
    cloned = Cloned(job_id="job_1", spec_bytes=len(spec), labels={"name": "old"}, max_bytes=room)
    asked = Asked(owner_id="o", key_id="k", max_job_bytes=10**9, cloned=cloned)

    found = read_submission(spec + json.dumps(patch).encode(), asked)

    if spare == 0:
        assert isinstance(found, Submission)
        assert (found.job.name, found.job.cloned_from) == ("x" * 100, "job_1")
    else:
        assert isinstance(found, Refusal)
        assert (found.status, found.code) == (413, "body_too_large")


def test_a_clone_of_a_clone_of_an_ended_job(any_api: TestClient, database: Database) -> None:
    job = create(any_api, LINE)
    succeed(database, {"a": np.array(2.0), "b": np.array(4.0)})
    first = clone(any_api, job["id"], {"epochs": 3})
    second = clone(any_api, first["id"], {"start_from": job["id"]})

    assert (first["cloned_from"], second["cloned_from"]) == (job["id"], first["id"])
    assert second["spec"]["start_from"] == job["id"]
    assert any_api.post("/v1/jobs/job_0/clone", json={}).status_code == 404
