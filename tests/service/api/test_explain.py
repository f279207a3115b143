"""Graphs, gradients, walks, checkpoints and gradient checks through the API, with a worker and without."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lockstep.core.explain.replay import ReplayRun
from lockstep.core.model.encoding import to_safetensors
from lockstep.service import questions
from lockstep.service.store import checkpoints, claims, endings, replays, specs
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from tests.service.submissions import CLASSES, LINE, WORKER, claim

STEPS_DONE = 4


@pytest.fixture
def job_id(api: TestClient, store: Database) -> str:
    """A running job that has done four steps."""
    made: str = api.post("/v1/jobs", json=LINE).json()["id"]
    held = claim(store)
    with store.write() as tx:
        fence = claims.lock(tx, held)
        checkpoints.save(fence, 0, b"start")
        checkpoints.save(fence, 3, b"later")
        endings.record_progress(fence, Progress(step=STEPS_DONE, epoch=STEPS_DONE))
    return made


@pytest.fixture
def answered(store: Database) -> Iterator[None]:
    """Somebody who answers each question as a worker would, from the spec."""
    stop = threading.Event()

    def answer() -> None:
        while not stop.wait(0.02):
            with store.write() as tx:
                held = replays.claim_next(tx, WORKER, 15.0)
                if held is None:
                    continue
                replay = ReplayRun(specs.load(tx, held.asked.job_id).resolved(), held.asked.step)
                while not replay.done:
                    replay.advance(10)
                if held.asked.question == "gradients":
                    replays.finish(claims.lock(tx, held), to_safetensors(replay.gradients()))
                elif held.asked.sample:
                    replays.fail(claims.lock(tx, held), "there is no such sample")
                else:
                    replays.finish(claims.lock(tx, held), json.dumps(replay.walk(0)).encode())

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    stop.set()
    thread.join(20)


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_the_graph_needs_no_worker(api: TestClient) -> None:
    made = api.post("/v1/jobs", json=CLASSES).json()["id"]
    graph = api.get(f"/v1/jobs/{made}/graph").json()
    assert [node["op"] for node in graph["nodes"]][-2:] == ["target", "cross_entropy"]
    svg = api.get(f"/v1/jobs/{made}/graph?format=svg")
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert svg.text.startswith("<svg ")
    assert api.get(f"/v1/jobs/{made}/graph?format=dot").text.startswith("digraph")
    assert api.get(f"/v1/jobs/{made}/graph?sample=1").status_code == 422
    assert code(api.get(f"/v1/jobs/{made}/gradients?step=0")) == (409, "step_not_done")
    assert api.get(f"/v1/jobs/{made}x/graph").status_code == 404


@pytest.mark.usefixtures("answered")
def test_gradients_walk_and_values_in_the_graph(api: TestClient, job_id: str) -> None:
    first = api.get(f"/v1/jobs/{job_id}/gradients?step=0")
    # x = 1, 2; y = 6, 8; a = 4, b = 1: the errors are -1 and 1, so ∂a = 2 (-1 + 2) / 2 and ∂b = 0.
    assert first.json() == {"step": 0, "gradients": {"a": 1.0, "b": 0.0}, "norms": {"a": 1.0, "b": 0.0}}
    walk = api.get(f"/v1/jobs/{job_id}/walk?step=0").json()
    assert (walk["loss"], walk["gradients"]) == (1.0, {"a": -2.0, "b": -2.0})
    graph = api.get(f"/v1/jobs/{job_id}/graph?step=0").json()
    shown = {node["name"]: (node["value"], node["gradient"]) for node in graph["nodes"]}
    assert shown["a"] == (4.0, -2.0)
    assert shown["x"] == (1.0, None)
    assert "∂ -2" in api.get(f"/v1/jobs/{job_id}/graph?step=0&format=svg").text
    assert code(api.get(f"/v1/jobs/{job_id}/walk?step=0&sample=9")) == (409, "replay_failed")
    assert code(api.get(f"/v1/jobs/{job_id}/gradients?step={STEPS_DONE}")) == (409, "step_not_done")


def test_without_a_worker_it_is_202(
    api: TestClient, job_id: str, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "PATIENCE_SECONDS", 0.1)
    response = api.get(f"/v1/jobs/{job_id}/gradients?step=1")
    assert (response.status_code, response.headers["Retry-After"]) == (202, "1")
    assert response.json()["status"] == "queued"
    assert "No present worker" in response.json()["message"]
    with store.write() as tx:
        assert replays.claim_next(tx, WORKER, 15.0) is not None
    assert api.get(f"/v1/jobs/{job_id}/gradients?step=1").json()["status"] == "running"


def test_checkpoints_are_listed(api: TestClient, job_id: str) -> None:
    page = api.get(f"/v1/jobs/{job_id}/checkpoints").json()
    assert [(each["step"], each["size_bytes"]) for each in page["data"]] == [(0, 5), (3, 5)]
    assert [each["reasons"] for each in page["data"]] == [["start", "last"], ["last"]]
    assert (page["object"], page["has_more"], page["last_id"]) == ("list", False, "3")


def test_the_gradient_check_is_part_of_the_validation(shared_api: TestClient) -> None:
    response = shared_api.post("/v1/jobs?validate_only=true&gradcheck=true", json=CLASSES)
    check = response.json()["gradient_check"]
    assert (check["passed"], check["complete"]) == (True, True)
    assert [each["name"] for each in check["parameters"]] == ["0.weight", "0.bias"]
    assert len(check["parameters"][0]["worst"]["index"]) == 2
    assert code(shared_api.post("/v1/jobs?gradcheck=true", json=CLASSES)) == (422, "not_validating")
    search = {"kind": "minimize", "objective": "x**2", "start": {"x": 1}, "optimizer": {"type": "adam"}}
    refused = shared_api.post("/v1/jobs?validate_only=true&gradcheck=true", json=search)
    assert code(refused) == (422, "not_a_training")
