"""Create, list, read, cancel."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lockstep.service.store.database import Database
from tests.service.submissions import LINE, claim, version


def create(api: TestClient, **changes: Any) -> dict[str, Any]:
    response = api.post("/v1/jobs", json=LINE | changes)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


def test_create_read_list_and_cancel(any_api: TestClient) -> None:
    response = any_api.post("/v1/jobs", json=LINE | {"name": "líne", "metadata": {"team": "a"}})
    assert response.status_code == 201
    job = response.json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["object"], job["kind"], job["name"], job["status"]) == ("job", "train", "líne", "queued")
    assert job["metadata"] == {"team": "a"}
    assert job["is_terminal"] is False
    assert job["progress"] == {"step": 0, "steps": 10, "epoch": 0, "fraction": 0.0, "eta_seconds": None}
    assert job["workers"] == {"wanted": 1, "active": 0, "most": 0, "advised": None}
    assert job["timings"] == {"queued_ms": None, "first_step_ms": None, "run_ms": None}
    assert [(each["status"], each["reason"]) for each in job["transitions"]] == [
        ("queued", "waiting_for_worker")
    ]
    assert job["created_at"].endswith("Z")
    assert (job["result"], job["error"], job["started_at"], job["finished_at"]) == (None, None, None, None)

    assert any_api.get(f"/v1/jobs/{job['id']}").json() == job
    assert any_api.get("/v1/jobs").json()["data"][0]["id"] == job["id"]

    for _ in range(2):  # repeats are safe
        response = any_api.post(f"/v1/jobs/{job['id']}/cancel")
        assert response.status_code == 200
        assert response.json()["status"] == "cancelled"
        assert response.json()["is_terminal"] is True


def test_the_spec_is_told_with_its_defaults(shared_api: TestClient) -> None:
    spec = create(shared_api)["spec"]
    assert spec["data"]["inline"] == {"x": [1, 2], "y": [6, 8]}
    assert (spec["kind"], spec["dtype"], spec["shards"], spec["workers"]) == ("train", "float64", 1, 1)
    assert 0 <= spec["seed"] < 2**53
    assert create(shared_api)["spec"]["seed"] != spec["seed"]
    assert create(shared_api, seed=5)["spec"]["seed"] == 5


def test_the_told_spec_can_be_posted_again(shared_api: TestClient) -> None:
    spec = create(shared_api)["spec"]
    assert create(shared_api, **spec)["spec"] == spec


def test_a_running_job_is_cancelled_by_its_worker(api: TestClient, store: Database) -> None:
    job = create(api)
    claim(store)
    assert api.post(f"/v1/jobs/{job['id']}/cancel").json()["status"] == "cancelling"


def test_etag(any_api: TestClient, database: Database) -> None:
    job_id = create(any_api)["id"]
    tag = any_api.get(f"/v1/jobs/{job_id}").headers["ETag"]
    assert tag == f'W/"{version(database, job_id)}"'
    for given in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        response = any_api.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": given})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == tag
    claim(database)
    response = any_api.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.json()["status"] == "running"
    assert response.headers["ETag"] != tag


def test_lists_have_etags_too(api: TestClient) -> None:
    create(api)
    first = api.get("/v1/jobs")
    assert api.get("/v1/jobs", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    create(api)
    assert api.get("/v1/jobs", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_poll_interval_hint_follows_what_moves(api: TestClient) -> None:
    assert api.get("/v1/jobs").headers["X-Poll-Interval"] == "5"
    job_id = create(api)["id"]
    assert api.get("/v1/jobs").headers["X-Poll-Interval"] == "1"
    assert api.get(f"/v1/jobs/{job_id}").headers["X-Poll-Interval"] == "1"
    assert "X-Poll-Interval" not in api.post(f"/v1/jobs/{job_id}/cancel").headers


def test_pages(any_api: TestClient) -> None:
    ids = [create(any_api)["id"] for _ in range(5)]
    ids.reverse()
    page = any_api.get("/v1/jobs", params={"limit": 2}).json()
    assert [job["id"] for job in page["data"]] == ids[:2]
    assert (page["object"], page["has_more"]) == ("list", True)
    assert (page["first_id"], page["last_id"]) == (ids[0], ids[1])
    create(any_api)  # pages do not move when a job comes
    page = any_api.get("/v1/jobs", params={"limit": 3, "after": page["last_id"]}).json()
    assert [job["id"] for job in page["data"]] == ids[2:]
    assert page["has_more"] is False
    empty = any_api.get("/v1/jobs", params={"after": ids[-1]}).json()
    assert empty == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


def test_filters(any_api: TestClient) -> None:
    first = create(any_api, metadata={"team": "a", "run": "1"})["id"]
    second = create(any_api, metadata={"team": "a", "run": "[2]"})["id"]
    any_api.post(f"/v1/jobs/{first}/cancel")

    def found(query: str) -> list[str]:
        response = any_api.get(f"/v1/jobs?{query}")
        assert response.status_code == 200, response.text
        return [job["id"] for job in response.json()["data"]]

    assert found("metadata[team]=a") == [second, first]
    assert found("metadata%5Brun%5D=%5B2%5D&metadata[team]=a") == [second]
    assert found("metadata[run]=3") == []
    assert found("status=queued") == [second]
    assert found("status=cancelled&kind=train") == [first]
    assert found("status=cancelled,queued&order=created_at") == [first, second]


def test_search_order_and_pages_back(any_api: TestClient) -> None:
    ids = {name: create(any_api, name=name)["id"] for name in ("Beta", "alpha 1", "alpha 2")}

    def names(**query: str | int) -> list[str]:
        response = any_api.get("/v1/jobs", params=query)
        assert response.status_code == 200, response.text
        return [job["name"] for job in response.json()["data"]]

    assert names(name="ALPHA") == ["alpha 2", "alpha 1"]
    assert names(order="name") == ["alpha 1", "alpha 2", "Beta"]
    assert names(order="-name", limit=1, after=ids["Beta"]) == ["alpha 2"]
    assert names(order="-name", limit=1, before=ids["alpha 1"]) == ["alpha 2"]
    assert names(order="finished_at") == []
    assert any_api.get(f"/v1/jobs?order=finished_at&after={ids['Beta']}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "staus=queued",
        "status=lost",
        "status=queued,",
        "status=",
        "order=loss",
        "name=",
        "name=%00",
        "before=x",
        "after=job_1&before=job_1",
        "after=xjob_1",
        "kind=sweep",
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "after=job_%00",
        "metadata[a]=%00",
        "metadata[]=x",
        "metadata[a]=1&metadata[a]=2",
        "metadata=a",
        "&".join(f"metadata[{number}]=x" for number in range(17)),
    ],
)
def test_wrong_parameters_are_refused(shared_api: TestClient, query: str) -> None:
    response = shared_api.get(f"/v1/jobs?{query}")
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=lost", "a text of the form ^(queued|"),
        ("before=x", "a job's id"),
        ("name=%00", "a text without control characters"),
    ],
)
def test_a_parameter_of_another_form_is_told_the_right_one(
    shared_api: TestClient, query: str, words: str
) -> None:
    assert words in shared_api.get(f"/v1/jobs?{query}").json()["errors"][0]["message"]


def test_lists_leave_inline_data_out(api: TestClient) -> None:
    create(api)
    assert "inline" not in api.get("/v1/jobs").json()["data"][0]["spec"]["data"]


def test_idempotency(any_api: TestClient) -> None:
    headers = {"Idempotency-Key": "key 1"}
    first = any_api.post("/v1/jobs", json=LINE, headers=headers)
    turned = dict(reversed(LINE.items()))  # the same JSON in another order
    again = any_api.post("/v1/jobs", content=json.dumps(turned, indent=1), headers={**headers, **JSON})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = any_api.post("/v1/jobs", json=LINE | {"seed": 1}, headers=headers)
    assert other.status_code == 422
    assert other.json()["errors"][0]["code"] == "key_reused"
    assert len(any_api.get("/v1/jobs").json()["data"]) == 1


JSON = {"Content-Type": "application/json"}


def test_one_key_sent_many_times_at_once_makes_one_job(any_api: TestClient) -> None:
    def post(_: int) -> tuple[int, str]:
        response = any_api.post("/v1/jobs", json=LINE, headers={"Idempotency-Key": "k"})
        return response.status_code, response.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(post, range(16)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_an_insane_idempotency_key_is_refused(shared_api: TestClient, key: str) -> None:
    assert shared_api.post("/v1/jobs", json=LINE, headers={"Idempotency-Key": key}).status_code == 422


def test_validate_only_creates_nothing(api: TestClient) -> None:
    response = api.post("/v1/jobs?validate_only=true", json=LINE)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["valid"], answer["steps"], answer["spec"]["seed"]) == (True, 10, None)
    wrong = api.post("/v1/jobs?validate_only=true", json=LINE | {"epochs": 0})
    assert wrong.status_code == 422
    assert wrong.json()["errors"] == api.post("/v1/jobs", json=LINE | {"epochs": 0}).json()["errors"]
    assert api.get("/v1/jobs").json()["data"] == []


def test_a_wrong_spec_is_answered_with_pointers(shared_api: TestClient) -> None:
    response = shared_api.post(
        "/v1/jobs", json=LINE | {"epochs": 0, "colour": "red", "optimizer": {"type": "sgd", "lr": 1}}
    )
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert {entry["pointer"] for entry in response.json()["errors"]} == {
        "/epochs",
        "/colour",
        "/optimizer/lr",
    }


@pytest.mark.parametrize(
    "job_id", ["job_0", "x", "job_00000000000000000000000%00", "..%2F..", "%F0%9F%98%80"]
)
@pytest.mark.parametrize("rest", ["", "/history", "/events", "/weights"])
def test_an_unknown_job_is_404(shared_api: TestClient, job_id: str, rest: str) -> None:
    response = shared_api.get(f"/v1/jobs/{job_id}{rest}")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
