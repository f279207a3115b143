"""What a client is told while the disk of the database is full, and that nothing is half stored."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from lockstep.service.store import disk
from lockstep.service.store.database import Database
from tests.full_disks import full_disk
from tests.service.submissions import LINE

LARGE = LINE | {"data": {"inline": {"x": [0.5] * 200_000, "y": [1.5] * 200_000}}}


def test_a_post_says_that_the_disk_is_full_and_works_again_with_room(
    any_api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = any_api.app.state.services.database  # type: ignore[attr-defined]  # a FastAPI
    monkeypatch.setattr(disk, "REMEMBERED_SECONDS", 600.0)
    assert any_api.get("/readyz").status_code == 200

    with full_disk(database):
        refused = any_api.post("/v1/jobs", json=LARGE, headers={"Idempotency-Key": "once"})
        assert (refused.status_code, refused.json()["code"]) == (503, "disk_full")
        assert refused.headers["Retry-After"] == "10"
        not_ready = any_api.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["code"]) == (503, "disk_full")
        assert "it has just refused" in not_ready.json()["detail"]
        assert any_api.get("/healthz").status_code == 200
        assert any_api.get("/v1/jobs").json()["data"] == []

    made = any_api.post("/v1/jobs", json=LARGE, headers={"Idempotency-Key": "once"})
    assert made.status_code == 201
    assert (
        any_api.post("/v1/jobs", json=LARGE, headers={"Idempotency-Key": "once"}).json()["id"]
        == made.json()["id"]
    )
    assert len(any_api.get("/v1/jobs").json()["data"]) == 1
    monkeypatch.setattr(disk, "REMEMBERED_SECONDS", 0.0)
    assert any_api.get("/readyz").status_code == 200
