"""Jobs of revision 0002 go on after the upgrade: none waits for ever, no two rules are mixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

from lockstep.core.ground.arithmetic import ARITHMETIC, lineage
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.model.encoding import from_safetensors
from lockstep.service.bell import Bell
from lockstep.service.reconciler import Reconciler
from lockstep.service.store import events, leases, replays, specs, weights, workers
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.jobs import Job
from lockstep.service.store.replays import Asked
from lockstep.service.store.tables import jobs as jobs_table
from lockstep.service.store.tables import replays as replays_table
from lockstep.service.store.workers import WorkerState
from lockstep.worker.replaying import answer_replay
from tests.migrations.recordings import MACHINE, OF_0002, RECORDED_BY
from tests.service.conftest import serve
from tests.worker.bench import LINE, Bench, RecordingBell, never

OLD_WORKER = WorkerIdentity(worker_id="worker_old", pid=1, host="here", fingerprint=MACHINE)
BEGUN = (
    "drained net",
    "drained validated",
    "drained line",
    "drained minimize",
    "drained solve",
    "drained at its last step",
    "drained where its loss was low enough",
    "drained where patience was over",
    "drained minimize at its last step",
    "killed net",
    "running net",
)
"""What the version before had begun and not ended."""
UNTOUCHED = ("queued", "queued with bulk", "queued from another")


@pytest.fixture
def old(bench: Bench) -> Bench:
    """The store after the upgrade, and a worker of this version on the machine of those before."""
    OF_0002.upgraded(bench.database)
    *earlier, fingerprint = lineage(MACHINE)
    return replace(bench, fingerprint=fingerprint, earlier=tuple(earlier))


def tick(bench: Bench) -> None:
    with bench.database.write() as tx:  # else the jobs say that nobody is there
        here = WorkerState(worker_id="w", host="here", pid=1, state="idle", job_id=None, fingerprint=None)
        workers.heartbeat(tx, here)
    bell: Bell = RecordingBell()
    Reconciler(bench.database, bell, 600).tick()


def now(bench: Bench, name: str) -> Job:
    return bench.job(OF_0002.job(name)["id"])


def lead_all(bench: Bench) -> None:
    """Lead until nothing is queued."""
    for _ in range(len(BEGUN) + len(UNTOUCHED)):
        bench.lead()
    with bench.database.write() as tx:
        assert leases.claim_next(tx, bench.tools().worker, 15.0) is None


def undisturbed(bench: Bench, job: Job) -> Job:
    """A new job of the same spec, led to its end."""
    with bench.database.read() as tx:
        whole = specs.load(tx, job.id).spec_json
    bench.submit(json.loads(whole) | {"kind": job.kind})
    return bench.lead()


def test_every_unfinished_job_ends_as_a_new_one_would(old: Bench) -> None:
    tick(old)
    lead_all(old)

    for name in BEGUN + UNTOUCHED:
        job = now(old, name)
        assert job.status == "succeeded", (name, job.status, job.error)
        other = undisturbed(old, job)
        assert job.result == other.result, name
        mine, others = old.history(job.id), old.history(other.id)
        assert mine.keys() == others.keys()
        for series, points in mine.items():
            np.testing.assert_array_equal(points.steps, others[series].steps)
            np.testing.assert_array_equal(points.values, others[series].values)
    assert now(old, "cancelling net").status == "cancelled"


def test_those_that_were_begun_begin_again_and_say_so(old: Bench) -> None:
    tick(old)

    for name in BEGUN:
        job = now(old, name)
        assert (job.status, job.step) == ("queued", 0), name
        assert old.history(job.id) == {}
        assert "begun by 1: it begins again" in (job.status_message or "")
        with old.database.read() as tx:
            told = [event for event in events.list_events(tx, job.id) if event.type == "began_again"]
        assert len(told) == 1
        steps = max(OF_0002.job(name)["step"], OF_0002.job(name)["checkpoint_step"] or 0)
        assert told[0].data == {"arithmetic": ARITHMETIC, "was": 1, "steps": steps}
    for name in UNTOUCHED:
        assert "began_again" not in old.events(now(old, name).id)


def test_what_is_over_stays_as_it_is(old: Bench) -> None:
    tick(old)
    lead_all(old)

    for row in OF_0002.rows()["jobs"]:
        if row["finished_at"] is None:
            continue
        job = old.job(row["id"])
        assert (job.status, job.status_reason, job.step) == (row["status"], row["status_reason"], row["step"])
        assert job.result == (json.loads(row["result_json"]) if row["result_json"] else None)
        if job.status == "succeeded":
            with old.database.read() as tx:
                assert weights.load(tx, job.id).safetensors


def test_a_worker_of_the_version_before_takes_nothing_that_was_begun_by_these_rules(old: Bench) -> None:
    job_id = old.submit(json.loads(OF_0002.job("drained net")["spec_json"]))
    with old.database.write() as tx:
        tx.execute(delete(jobs_table).where(jobs_table.c.status == "queued", jobs_table.c.id != job_id))
    drained = old.lead(draining=lambda: True)
    assert (drained.id, drained.status) == (job_id, "queued")

    with old.database.write() as tx:
        assert leases.claim_next(tx, OLD_WORKER, 15.0) is None

    tick(old)
    assert old.lead().status == "succeeded"
    assert "began_again" not in old.events(job_id)


def answers(bench: Bench, asked: Asked) -> bytes:
    with bench.database.write() as tx:
        replays.ask(tx, asked)
    assert answer_replay(bench.question(), bench.tools(), never)
    with bench.database.read() as tx:
        found = replays.find(tx, asked)
        assert found is not None
        assert found.result_sha256 is not None, found
        return replays.answer(tx, found.result_sha256)


def test_a_step_of_a_finished_job_comes_again_to_the_old_values(old: Bench) -> None:
    job_id = now(old, "succeeded net").id
    asked = Asked(job_id=job_id, question="gradients", step=5)
    with old.database.read() as tx:
        same = (replays_table.c.job_id == job_id, replays_table.c.step == 5)
        sha256 = tx.execute(select(replays_table.c.result_sha256).where(*same)).scalar_one()
        assert sha256 is not None
        before = replays.answer(tx, sha256)
    with old.database.write() as tx:
        tx.execute(delete(replays_table))

    again = answers(old, asked)

    found, expected = from_safetensors(again), from_safetensors(before)
    assert found.keys() == expected.keys()
    if blas_core() == RECORDED_BY:
        assert again == before
    for name, array in expected.items():  # other kernels round otherwise in the last places
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-6)


@pytest.fixture
def api(old: Bench) -> Iterator[TestClient]:
    yield from serve(str(old.settings.database_url))


def test_steps_that_come_out_otherwise_now_are_refused_with_the_reason(old: Bench, api: TestClient) -> None:
    touched = now(old, "succeeded by loss of a batch").id
    kept = api.get(f"/v1/jobs/{touched}/gradients?step=2")
    refused = api.get(f"/v1/jobs/{touched}/gradients?step=3")

    assert kept.status_code == 200
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["errors"][0]["code"] == "not_comparable"
    assert "the loss of an epoch counts each row alike" in problem["detail"]


def test_predictions_of_a_finished_job_are_the_old_ones(old: Bench, api: TestClient) -> None:
    job = now(old, "succeeded line")
    assert job.result is not None
    a, b = job.result["parameters"]["a"], job.result["parameters"]["b"]

    answer = api.post(f"/v1/jobs/{job.id}/predict", json={"x": [3]})

    assert answer.json()["y"] == [a * 3 + b]


def test_keys_and_idempotency_keys_go_on(api: TestClient) -> None:
    mine = {"Authorization": f"Bearer {OF_0002.secret}"}

    again = api.post("/v1/jobs", headers=mine | {"Idempotency-Key": "once"}, json=LINE)

    assert again.status_code == 422
    assert OF_0002.job("succeeded line")["id"] in again.json()["detail"]
    assert len(api.get("/v1/jobs?limit=100", headers=mine).json()["data"]) == len(OF_0002.rows()["jobs"])
