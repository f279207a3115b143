"""Workers, queue, health."""

from __future__ import annotations

from fastapi.testclient import TestClient

from service.store import workers
from service.store.database import Database
from service.store.workers import State, WorkerState
from tests.service.submissions import LINE, claim


def test_workers_and_queue(any_api: TestClient, database: Database) -> None:
    assert any_api.get("/v1/workers").json()["data"] == []
    states: tuple[tuple[str, State, str | None], ...] = (
        ("w1", "idle", None),
        ("w2", "leading", "job_1"),
        ("w3", "leading", "job_2"),
    )
    with database.write() as tx:
        for worker_id, state, job_id in states:
            workers.heartbeat(
                tx,
                WorkerState(
                    worker_id=worker_id, host="h", pid=7, state=state, job_id=job_id, fingerprint="f"
                ),
            )
    page = any_api.get("/v1/workers").json()
    assert {(each["id"], each["state"], each["job_id"]) for each in page["data"]} == set(states)
    assert {(each["object"], each["present"], each["pid"]) for each in page["data"]} == {("worker", True, 7)}

    for _ in range(3):
        any_api.post("/v1/jobs", json=LINE)
    claim(database)
    queue = any_api.get("/v1/queue").json()
    assert queue["jobs"] == {"queued": 2, "running": 1, "cancelling": 0}
    assert queue["workers"] == {"idle": 1, "leading": 2, "helping": 0, "replaying": 0}
    assert queue["oldest_queued_seconds"] >= 0


def test_workers_have_an_etag(api: TestClient) -> None:
    tag = api.get("/v1/workers").headers["ETag"]
    assert api.get("/v1/workers", headers={"If-None-Match": tag}).status_code == 304


def test_health_needs_no_key(any_api: TestClient) -> None:
    del any_api.headers["Authorization"]
    for path in ("/healthz", "/readyz"):
        assert (any_api.get(path).status_code, any_api.get(path).json()) == (200, {"status": "ok"})
