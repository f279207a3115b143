"""Keys and their scopes."""

from __future__ import annotations

from typing import get_args

import pytest
from fastapi.testclient import TestClient

from lockstep.service import auth
from lockstep.service.store import keys
from lockstep.service.store.database import Database
from lockstep.service.store.scopes import Scope
from tests.service.contract import ContractClient
from tests.service.submissions import KEY, LINE


def make_key(store: Database, owner: str, *scopes: Scope) -> dict[str, str]:
    with store.write() as tx:
        _, secret = keys.create(tx, owner, "test", frozenset(scopes))
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", f"Basic {KEY}", KEY, "Bearer wrong", "Bearer \xff"]
)
def test_without_a_good_key_401(shared_api: TestClient, header: str | None) -> None:
    sent = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    client = ContractClient(shared_api.app)  # the same application, running already
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/queue?wrong=1")):
        response = client.request(method, path, headers=sent, content=b"not json")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_scopes(api: TestClient, store: Database) -> None:
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]
    reads = ("/v1/jobs", f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/events", "/v1/workers", "/v1/queue")
    writes = ("/v1/jobs", f"/v1/jobs/{job_id}/cancel")
    for scope in get_args(Scope):
        headers = make_key(store, "somebody", scope)
        may_read, may_write = scope in ("read", "admin"), scope in ("write", "admin")
        for path in reads:
            assert (api.get(path, headers=headers).status_code == 403) is not may_read
        for path in writes:
            assert (api.post(path, json=LINE, headers=headers).status_code == 403) is not may_write


def test_the_jobs_of_another_owner_are_unknown(api: TestClient, store: Database) -> None:
    mine = make_key(store, "owner_1", "read", "write")
    other = make_key(store, "owner_2", "read", "write")
    job_id = api.post("/v1/jobs", json=LINE, headers={**mine, "Idempotency-Key": "k"}).json()["id"]
    for path in ("", "/history", "/events", "/weights"):
        assert api.get(f"/v1/jobs/{job_id}{path}", headers=other).status_code == 404
    assert api.post(f"/v1/jobs/{job_id}/cancel", headers=other).status_code == 404
    assert api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]}, headers=other).status_code == 404
    assert api.get("/v1/jobs", headers=other).json()["data"] == []
    # Idempotency keys are each owner's own.
    theirs = api.post("/v1/jobs", json=LINE, headers={**other, "Idempotency-Key": "k"}).json()["id"]
    assert theirs != job_id
    # An administrator sees all.
    assert {job["id"] for job in api.get("/v1/jobs").json()["data"]} == {job_id, theirs}
    assert api.get(f"/v1/jobs/{job_id}", headers=mine).status_code == 200


def test_a_revoked_key_works_no_longer(
    api: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.0)
    with store.write() as tx:
        key_id, secret = keys.create(tx, "owner_1", "test", frozenset({"read"}))
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.get("/v1/jobs", headers=headers).status_code == 200
    with store.write() as tx:
        keys.revoke(tx, key_id)
    assert api.get("/v1/jobs", headers=headers).status_code == 401
