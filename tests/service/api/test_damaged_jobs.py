"""Every address, asked about jobs whose records are damaged: it answers what is left, and names the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.core.learning.report import Points
from lockstep.core.model.encoding import to_safetensors
from lockstep.service import questions
from lockstep.service.commands.jobs import job_lines
from lockstep.service.store import blobs, claims, replays
from lockstep.service.store.database import Database
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import history, jobs, weights
from tests import damages
from tests.damages import Harm, harm
from tests.service.submissions import CLASSES, LINE, WORKER, claim, succeed

MANY = [1 / 3] * 2_000
"""More digits than a job's row holds, and few numbers: each is read many times."""
DAMAGES = (
    *damages.SPEC,
    *damages.INLINE_BLOB,
    *damages.INLINE_ROW,
    *damages.METADATA,
    *damages.TRANSITIONS,
    *damages.RESULT,
    *damages.WEIGHTS,
    *damages.PREPROCESSING,
    *damages.HISTORY,
)
NEEDS: dict[str, tuple[str, ...]] = {
    "/weights": ("weights",),
    "/weights?format=json": ("weights",),
    "/weights?format=safetensors": ("weights",),
    "/weights?format=onnx": ("weights", "preprocessing", "spec", "inline_data"),
    "/history": ("history",),
    "/history?series=loss": ("history",),
    "/graph": ("spec", "inline_data"),
    "/spec": ("spec", "inline_data"),
    "/events": (),
    "/checkpoints": (),
    "": (),
}
"""Which parts of a job each address can't do without."""
NO_PLACE_FOR_DATA = "spec_json: another object"


def submission(number: int) -> dict[str, Any]:
    """Large inline data, others for each number, so that no two jobs share a blob."""
    return LINE | {
        "data": {"inline": {"x": [number + 0.5, *MANY], "y": [0.5, *MANY]}},
        "metadata": {"n": "1"},
    }


def finished(api: TestClient, database: Database, number: int) -> str:
    """A job that has succeeded and recorded something."""
    assert api.post("/v1/jobs", json=submission(number)).status_code == 201
    loss = Points(steps=np.arange(3, dtype=np.int64), values=np.array([3.0, 2.0, 1.0]))
    return succeed(database, {"a": np.array(float(number)), "b": np.array(4.0)}, {"loss": loss})


def code(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    return response.status_code, response.json()["errors"][0]["code"]


def refusal(response: Any, part: str, job_id: str) -> None:
    """The answer says that this part of the job is damaged, and what to do."""
    assert code(response) == (410, f"{part}_damaged"), response.text
    assert job_id in response.json()["detail"]
    assert "restore the database from a backup" in response.json()["detail"]


def test_each_address_answers_what_it_can(any_api: TestClient, database: Database) -> None:
    ids = [finished(any_api, database, number) for number in range(len(DAMAGES))]
    sound = finished(any_api, database, -1)
    before = any_api.get(f"/v1/jobs/{sound}").json()
    for damage, job_id in zip(DAMAGES, ids, strict=True):
        harm(database, damage, job_id)

    for number, (damage, job_id) in enumerate(zip(DAMAGES, ids, strict=True)):
        for rest, needed in NEEDS.items():
            response = any_api.get(f"/v1/jobs/{job_id}{rest}")
            if damage.part in needed:
                refusal(response, damage.part, job_id)
            else:
                assert response.status_code == 200, (damage.name, rest, response.text)
        predicted = any_api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]})
        if damage.part in ("weights", "preprocessing", "spec", "inline_data"):
            refusal(predicted, damage.part, job_id)
        else:
            assert predicted.json() == {"y": [number + 4.0]}, damage.name
        started = any_api.post("/v1/jobs", json=LINE | {"start_from": job_id})
        assert started.status_code in (201, 410), damage.name
        assert any_api.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "succeeded", damage.name
    assert any_api.get(f"/v1/jobs/{sound}").json() == before


@pytest.mark.parametrize("damage", damages.WEIGHTS[2:], ids=str)
def test_weights_that_are_gone_start_no_job(api: TestClient, store: Database, damage: Harm) -> None:
    job_id = finished(api, store, 1)
    harm(store, damage, job_id)

    response = api.post("/v1/jobs", json=LINE | {"start_from": job_id})

    refusal(response, "weights", job_id)
    assert response.json()["errors"][0]["pointer"] == "/start_from"


def test_a_list_and_a_read_name_what_is_damaged(any_api: TestClient, database: Database) -> None:
    shown = damages.SPEC + damages.METADATA + damages.TRANSITIONS + damages.RESULT
    ids = [finished(any_api, database, number) for number in range(len(shown))]
    sound = finished(any_api, database, -1)
    for damage, job_id in zip(shown, ids, strict=True):
        harm(database, damage, job_id)

    answer = any_api.get("/v1/jobs?limit=100")

    listed = answer.json()["data"]
    assert [job["id"] for job in listed] == [sound, *reversed(ids)]
    assert listed[0]["damaged"] == []
    for damage, job_id in zip(shown, ids, strict=True):
        job = any_api.get(f"/v1/jobs/{job_id}").json()
        (told,) = job["damaged"]
        assert told["part"] == damage.part, damage.name
        assert job["status_message"] == told["message"]
        if damage.part != "transitions" and damage.name != NO_PLACE_FOR_DATA:
            assert job[damage.part] is None, damage.name
        lines = "\n".join(job_lines(job, []))
        assert told["message"] in lines


def test_a_queued_job_that_is_damaged_is_read_and_cancelled(any_api: TestClient, database: Database) -> None:
    kinds = damages.SPEC + damages.INLINE_BLOB + damages.INLINE_ROW + damages.METADATA + damages.TRANSITIONS
    for number, damage in enumerate(kinds):
        key = {"Idempotency-Key": str(number)}
        job_id = any_api.post("/v1/jobs", json=submission(number), headers=key).json()["id"]
        harm(database, damage, job_id)

        again = any_api.post("/v1/jobs", json=submission(number), headers=key)
        assert (again.status_code, again.json()["id"]) == (201, job_id), damage.name
        told = [each["part"] for each in any_api.get(f"/v1/jobs/{job_id}").json()["damaged"]]
        # A read looks into no blob: its address tells.
        assert told == ([] if damage in damages.INLINE_BLOB else [damage.part]), damage.name
        if damage.part in ("spec", "inline_data"):
            refusal(any_api.get(f"/v1/jobs/{job_id}/spec"), damage.part, job_id)
        assert any_api.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled", damage.name


def test_a_history_of_which_something_is_left_is_told_with_its_gaps(api: TestClient, store: Database) -> None:
    assert api.post("/v1/jobs", json=LINE).status_code == 201
    values = Points(steps=np.arange(3, dtype=np.int64), values=np.array([3.0, 2.0, 1.0]))
    job_id = succeed(store, {"a": np.array(2.0), "b": np.array(4.0)}, {"loss": values, "rate": values})
    with store.write() as tx:
        tx.execute(history.update().where(history.c.series == "loss").values(points=b""))

    answer = api.get(f"/v1/jobs/{job_id}/history").json()

    assert answer["series"] == {"rate": {"steps": [0, 1, 2], "values": [3.0, 2.0, 1.0]}}
    (gap,) = answer["damaged"]
    assert (gap["series"], gap["first_step"], gap["last_step"]) == ("loss", 0, 2)
    assert gap["message"].startswith("steps 0 to 2 of loss can't be read (expected 3 numbers of 8 bytes")
    refusal(api.get(f"/v1/jobs/{job_id}/history?series=loss"), "history", job_id)
    assert api.get(f"/v1/jobs/{job_id}/history?series=rate").json()["damaged"] == []


def test_weights_of_another_model_are_damaged(api: TestClient, store: Database) -> None:
    api.post("/v1/jobs", json=CLASSES)
    arrays = {"0.weight": np.zeros((3, 2), np.float32), "0.bias": np.zeros(3, np.float32)}
    job_id = succeed(store, arrays)
    with store.write() as tx:
        other = blobs.put(tx, to_safetensors({"a": np.array(1.0)}))
        tx.execute(weights.update().values(sha256=other))

    for response in (
        api.post(f"/v1/jobs/{job_id}/predict", json={"x": [[1, 2]]}),
        api.get(f"/v1/jobs/{job_id}/weights?format=onnx"),
    ):
        refusal(response, "weights", job_id)


@pytest.mark.parametrize("damage", damages.ANSWER, ids=str)
def test_a_damaged_answer_is_computed_again(
    api: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch, damage: Harm
) -> None:
    monkeypatch.setattr(questions, "PATIENCE_SECONDS", 0.1)
    api.post("/v1/jobs", json=LINE)
    job_id = claim(store).job_id
    with store.write() as tx:
        tx.execute(jobs.update().values(step=4))
        replays.ask(tx, Asked(job_id=job_id, question="gradients", step=1))

    def answer() -> None:
        with store.write() as tx:
            held = replays.claim_next(tx, WORKER, 15.0)
            assert held is not None
            replays.finish(claims.lock(tx, held), to_safetensors({"a": np.array(2.0)}))

    answer()
    asked = f"/v1/jobs/{job_id}/gradients?step=1"
    assert api.get(asked).json()["gradients"] == {"a": 2.0}
    harm(store, damage, job_id)
    again = api.get(asked)
    assert (again.status_code, again.json()["status"]) == (202, "queued")
    answer()
    assert api.get(asked).json()["gradients"] == {"a": 2.0}


def test_a_damaged_walk_is_computed_again(
    api: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "PATIENCE_SECONDS", 0.1)
    api.post("/v1/jobs", json=LINE)
    job_id = claim(store).job_id
    with store.write() as tx:
        tx.execute(jobs.update().values(step=4))
        replays.ask(tx, Asked(job_id=job_id, question="walk", step=1))
        held = replays.claim_next(tx, WORKER, 15.0)
        assert held is not None
        replays.finish(claims.lock(tx, held), b"[1, 2")

    again = api.get(f"/v1/jobs/{job_id}/walk?step=1")

    assert (again.status_code, again.json()["object"]) == (202, "replay")


def test_a_spec_that_nobody_would_have_accepted_is_damaged(api: TestClient, store: Database) -> None:
    job_id = finished(api, store, 1)
    harm(store, damages.EXPRESSION, job_id)

    for response in (
        api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]}),
        api.get(f"/v1/jobs/{job_id}/weights?format=onnx"),
        api.get(f"/v1/jobs/{job_id}/graph"),
    ):
        assert code(response) == (410, "spec_damaged")
    assert api.get(f"/v1/jobs/{job_id}/weights").status_code == 200
