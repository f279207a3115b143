"""Workers, queue, health."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from lockstep.service.store import keys, resting, workers
from lockstep.service.store.database import Database
from lockstep.service.store.workers import State, WorkerState
from tests.service.submissions import LINE, claim


def counted(queue: dict[str, Any]) -> dict[str, int]:
    """The statuses that jobs are in."""
    return {status: count for status, count in queue["jobs"].items() if count}


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
    assert counted(queue) == {"queued": 2, "running": 1}
    assert queue["workers"] == {"idle": 1, "leading": 2, "helping": 0, "replaying": 0}
    assert queue["oldest_queued_seconds"] >= 0


def test_a_host_that_rests_is_told(any_api: TestClient, database: Database) -> None:
    with database.write() as tx:
        for worker_id, host in (("w1", "h1"), ("w2", "h2")):
            state = WorkerState(
                worker_id=worker_id, host=host, pid=7, state="idle", job_id=None, fingerprint="f"
            )
            workers.heartbeat(tx, state)
        resting.note_lost(tx, [("h2", f"job_{number}") for number in range(3)])
    until = {each["id"]: each["resting"] for each in any_api.get("/v1/workers").json()["data"]}

    assert until["w1"] is None
    assert until["w2"] is not None


def test_the_queue_tells_what_comes_next_but_not_whose(any_api: TestClient, database: Database) -> None:
    with database.write() as tx:
        _, secret = keys.create(tx, "anna", "anna", frozenset({"read", "write"}))
    anna = {"Authorization": f"Bearer {secret}"}
    made = [any_api.post("/v1/jobs", json=LINE).json()["id"] for _ in range(2)]
    mine = any_api.post("/v1/jobs", json=LINE | {"priority": -3, "workers": 1}, headers=anna).json()["id"]

    everything = any_api.get("/v1/queue").json()["waiting"]
    told = any_api.get("/v1/queue", headers=anna).json()["waiting"]

    places = {each["job_id"]: each["position"] for each in everything}
    assert places == {made[0]: 1, made[1]: 2, mine: 3}
    (own,) = told
    assert own.pop("queued_seconds") >= 0
    assert own == {
        "job_id": mine,
        "owner": "anna",
        "priority": -3,
        "position": 3,
        "reason": "waiting_for_worker",
        "workers_wanted": 1,
    }


def test_workers_have_an_etag(api: TestClient) -> None:
    tag = api.get("/v1/workers").headers["ETag"]
    assert api.get("/v1/workers", headers={"If-None-Match": tag}).status_code == 304


def test_health_needs_no_key(any_api: TestClient) -> None:
    del any_api.headers["Authorization"]
    for path in ("/healthz", "/readyz"):
        assert (any_api.get(path).status_code, any_api.get(path).json()) == (200, {"status": "ok"})


def test_a_tenant_learns_nothing_of_others(any_api: TestClient, database: Database) -> None:
    """Every key × every answer that is not about one job."""
    keyed: dict[str, dict[str, str]] = {}
    with database.write() as tx:
        for owner in ("anna", "ben"):
            _, secret = keys.create(tx, owner, owner, frozenset({"read", "write"}))
            keyed[owner] = {"Authorization": f"Bearer {secret}"}
    job_ids = {
        owner: any_api.post("/v1/jobs", json=LINE, headers=headers).json()["id"]
        for owner, headers in keyed.items()
    }
    any_api.post("/v1/jobs", json=LINE, headers=keyed["ben"])
    claim(database)
    claim(database)
    states: dict[str, State] = {"anna": "leading", "ben": "helping", "nobody": "idle"}
    with database.write() as tx:
        for owner, state in states.items():
            workers.heartbeat(
                tx,
                WorkerState(
                    worker_id=f"worker_of_{owner}",
                    host=f"host-of-{owner}",
                    pid=7,
                    state=state,
                    job_id=job_ids.get(owner),
                    fingerprint="f",
                ),
            )

    for owner, other in (("anna", "ben"), ("ben", "anna")):
        seen = any_api.get("/v1/workers", headers=keyed[owner])
        told = {each["id"]: (each["host"], each["pid"], each["job_id"]) for each in seen.json()["data"]}
        assert told == {
            f"worker_of_{owner}": (f"host-of-{owner}", 7, job_ids[owner]),
            f"worker_of_{other}": (None, None, None),
            "worker_of_nobody": (None, None, None),
        }
        queue = any_api.get("/v1/queue", headers=keyed[owner]).json()
        queued = {"anna": 0, "ben": 1}[owner]
        assert (queue["jobs"]["queued"], counted(queue)["running"]) == (queued, 1)
        assert (queue["oldest_queued_seconds"] is None) == (queued == 0)
        assert sum(queue["workers"].values()) == 3
    everything = any_api.get("/v1/workers").text
    assert all(part in everything for part in ("host-of-anna", "host-of-ben", *job_ids.values()))
    assert counted(any_api.get("/v1/queue").json()) == {"queued": 1, "running": 2}
