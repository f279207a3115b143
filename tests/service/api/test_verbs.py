"""What a user does to a job over HTTP: cancel, pause, resume, change, delete."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from lockstep.service.store import claims, endings, keys
from lockstep.service.store.database import Database
from lockstep.service.store.tables import job_metadata
from lockstep.service.store.tables import jobs as table
from tests.service.submissions import LINE, claim
from tests.stored_jobs import job_in

ENDED = ("succeeded", "failed", "cancelled")


def create(api: TestClient, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    response = api.post("/v1/jobs", json=LINE | changes, headers=headers)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


def events(api: TestClient, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/jobs/{job_id}/events").json()["data"]
    return found


def test_a_waiting_job_is_paused_and_resumed(any_api: TestClient) -> None:
    job_id = create(any_api)["id"]
    for verb, status, reason in (
        ("pause", "paused", "pause_requested"),
        ("pause", "paused", "pause_requested"),
        ("resume", "queued", "resumed"),
        ("resume", "queued", "resumed"),
    ):
        response = any_api.post(f"/v1/jobs/{job_id}/{verb}")
        assert response.status_code == 200
        job = response.json()
        assert (job["status"], job["status_reason"], job["is_terminal"]) == (status, reason, False)
        assert response.headers["ETag"] == any_api.get(f"/v1/jobs/{job_id}").headers["ETag"]
    assert [each["status"] for each in job["transitions"]] == ["queued", "paused", "queued"]


def test_a_running_job_is_paused_by_its_worker(any_api: TestClient, database: Database) -> None:
    job_id = create(any_api)["id"]
    held = claim(database)
    assert any_api.post(f"/v1/jobs/{job_id}/pause").json()["status"] == "pausing"
    assert any_api.post(f"/v1/jobs/{job_id}/resume").json()["status"] == "running"
    assert any_api.post(f"/v1/jobs/{job_id}/pause").json()["status"] == "pausing"
    assert any_api.get("/v1/queue").json()["jobs"]["pausing"] == 1
    with database.write() as tx:
        endings.leave(claims.lock(tx, held))
    job = any_api.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["workers"]["active"]) == ("paused", 0)
    assert any_api.get("/v1/queue").json()["jobs"]["paused"] == 1
    assert any_api.get("/v1/jobs?status=paused").json()["data"][0]["id"] == job_id
    assert any_api.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("status", ["cancelling", *ENDED])
def test_what_ends_or_is_over_does_not_go_on(
    any_api: TestClient, database: Database, verb: str, status: str
) -> None:
    job_id, _ = job_in(database, status)
    response = any_api.post(f"/v1/jobs/{job_id}/{verb}")

    assert response.status_code == 409
    problem = response.json()
    assert problem["code"] == ("job_cancelling" if status == "cancelling" else "job_over")
    assert problem["type"].endswith(f"#{problem['code']}")
    assert "clone it" in problem["detail"]
    assert any_api.get(f"/v1/jobs/{job_id}").json()["status"] == status


def test_priority_name_and_metadata_are_changed(any_api: TestClient, database: Database) -> None:
    job = create(any_api, name="one", metadata={"team": "a", "room": "1"})
    path = f"/v1/jobs/{job['id']}"

    changed = any_api.patch(
        path, json={"priority": 7, "name": "two", "metadata": {"team": "b", "room": None}}
    )

    assert changed.status_code == 200
    after = changed.json()
    assert (after["priority"], after["name"], after["metadata"]) == (7, "two", {"team": "b"})
    assert after["spec"] == job["spec"]
    assert any_api.get(f"{path}/spec").json()["name"] == "one"
    assert after == any_api.get(path).json()
    assert [each["id"] for each in any_api.get("/v1/jobs?metadata[team]=b").json()["data"]] == [job["id"]]
    assert any_api.get("/v1/jobs?metadata[room]=1").json()["data"] == []
    assert any_api.get("/v1/jobs?name=TW").json()["data"][0]["id"] == job["id"]
    with database.read() as tx:
        assert tx.execute(select(table.c.priority)).scalar_one() == 7

    plain = any_api.patch(path, json={"priority": None, "name": None, "metadata": None}).json()

    assert (plain["priority"], plain["name"], plain["metadata"]) == (0, None, {})
    with database.read() as tx:
        assert tx.execute(select(job_metadata)).all() == []


def test_what_changes_nothing_is_not_seen(any_api: TestClient) -> None:
    job = create(any_api, name="one", metadata={"team": "a"})
    path = f"/v1/jobs/{job['id']}"
    tag = any_api.get(path).headers["ETag"]
    for patch in ({}, {"name": "one"}, {"priority": 0}, {"priority": None}, {"metadata": {"x": None}}):
        assert any_api.patch(path, json=patch).json() == job
    assert any_api.get(path).headers["ETag"] == tag
    assert [each["type"] for each in events(any_api, job["id"])] == ["status"]


@pytest.mark.parametrize("status", ["running", "paused", *ENDED])
def test_a_job_in_any_status_is_changed_and_stays_in_it(
    any_api: TestClient, database: Database, status: str
) -> None:
    job_id, _ = job_in(database, status)
    before = any_api.get(f"/v1/jobs/{job_id}").json()

    after = any_api.patch(f"/v1/jobs/{job_id}", json={"name": "other"}).json()

    assert after == before | {"name": "other", "timings": after["timings"]}


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"epochs": 3}, "/epochs"),
        ({"status": "paused"}, "/status"),
        ({"priority": 101}, "/priority"),
        ({"priority": "high"}, "/priority"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"metadata": {"k": 1}}, "/metadata/k"),
        ({"metadata": {f"k{n}": "" for n in range(16)}}, "/metadata"),
        ([], ""),
    ],
)
def test_a_change_that_can_not_be_made_is_refused(any_api: TestClient, patch: object, pointer: str) -> None:
    job = create(any_api, metadata={"team": "a"})

    response = any_api.patch(f"/v1/jobs/{job['id']}", json=patch)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    assert any_api.get(f"/v1/jobs/{job['id']}").json() == job


def test_events_of_a_verb_name_the_key_that_asked(any_api: TestClient, database: Database) -> None:
    with database.write() as tx:
        key_id, secret = keys.create(tx, "owner_b", "b", frozenset({"write"}))
    mine = {"Authorization": f"Bearer {secret}"}
    job_id = create(any_api, mine)["id"]
    for verb in ("pause", "resume"):
        any_api.post(f"/v1/jobs/{job_id}/{verb}", headers=mine)
    any_api.patch(f"/v1/jobs/{job_id}", json={"name": "x"}, headers=mine)
    any_api.post(f"/v1/jobs/{job_id}/cancel")
    copy = any_api.post(f"/v1/jobs/{job_id}/clone", json={}, headers=mine).json()["id"]

    told = [
        (each["type"], each["data"].get("status"), each["data"]["key"]) for each in events(any_api, job_id)
    ]

    assert told == [
        ("status", "queued", key_id),
        ("status", "paused", key_id),
        ("status", "queued", key_id),
        ("changed", None, key_id),
        ("status", "cancelled", keys.ADMIN_KEY_ID),
    ]
    assert events(any_api, copy)[0]["data"]["key"] == key_id


@pytest.mark.parametrize(
    ("method", "rest"),
    [("POST", "/pause"), ("POST", "/resume"), ("POST", "/clone"), ("PATCH", ""), ("DELETE", "")],
)
def test_who_may_not_write_or_see_it_does_nothing_to_it(
    any_api: TestClient, database: Database, method: str, rest: str
) -> None:
    job = create(any_api)
    with database.write() as tx:
        _, reader = keys.create(tx, keys.ADMIN_OWNER_ID, "r", frozenset({"read"}))
        _, other = keys.create(tx, "owner_c", "c", frozenset({"write"}))
    for secret, status in ((reader, 403), (other, 404)):
        headers = {"Authorization": f"Bearer {secret}"}
        body: object = None if method == "DELETE" or rest in ("/pause", "/resume") else {}
        response = any_api.request(method, f"/v1/jobs/{job['id']}{rest}", json=body, headers=headers)
        assert response.status_code == status
    assert any_api.get(f"/v1/jobs/{job['id']}").json() == job
