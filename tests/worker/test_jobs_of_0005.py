"""Jobs of revision 0005 go on after the upgrade as if there had been none: to the digests of that version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from lockstep.core.group.fingerprint import blas_core
from lockstep.service.reconciler import Reconciler
from lockstep.service.store import history, leases, weights
from lockstep.service.store.jobs import Job
from lockstep.service.store.tables import jobs as jobs_table
from tests.migrations.recordings import MACHINE, OF_0005, RECORDED_BY
from tests.service.conftest import serve
from tests.worker.bench import LINE, Bench, digest

ROWS = OF_0005.rows()
DIGESTS = OF_0005.digests()
UNFINISHED = tuple(row["name"] for row in ROWS["jobs"] if row["finished_at"] is None)


@pytest.fixture
def old(bench: Bench) -> Bench:
    """The store after the upgrade, and a worker of this version on the machine of those before."""
    OF_0005.upgraded(bench.database)
    return replace(bench, fingerprint=MACHINE)  # their arithmetic is this version's


def now(bench: Bench, name: str) -> Job:
    return bench.job(OF_0005.job(name)["id"])


def lead_all(bench: Bench) -> None:
    Reconciler(bench.database, bench.bell, 600).tick()
    for _ in range(len(UNFINISHED)):
        with bench.database.read() as tx:
            waiting = tx.execute(select(jobs_table.c.id).where(jobs_table.c.status == "queued")).first()
        if waiting is None:
            return
        bench.lead()


def expected(name: str) -> str | None:
    """What the version before would have come to."""
    return next((DIGESTS[like] for like in DIGESTS if name.endswith(f" {like}")), None)


def test_every_unfinished_job_ends_with_the_digest_that_it_would_have_had(old: Bench) -> None:
    lead_all(old)

    compared = 0
    for name in UNFINISHED:
        job = now(old, name)
        if OF_0005.job(name)["status"] == "cancelling":
            assert job.status == "cancelled"
            continue
        assert job.status == "succeeded", (name, job.status, job.error)
        wanted = expected(name)
        if wanted is not None and blas_core() == RECORDED_BY:
            assert digest(job) == wanted, name
            compared += 1
    assert compared >= 9 or blas_core() != RECORDED_BY
    verified = now(old, "queued verification").result
    assert verified is not None
    assert verified["matches"] is True or blas_core() != RECORDED_BY


def test_those_in_mid_run_go_on_from_where_they_were(old: Bench) -> None:
    drained = OF_0005.job("drained net")
    assert drained["checkpoint_step"] > 0
    Reconciler(old.database, old.bell, 600).tick()

    job = now(old, "drained net")

    assert (job.status, job.step) == ("queued", drained["step"])
    assert "began_again" not in old.events(job.id)


def test_what_is_over_and_what_was_sent_stay_as_they_are(old: Bench) -> None:
    lead_all(old)

    with old.database.read() as tx:
        kept = {row.id: row for row in tx.execute(select(jobs_table))}
        for row in ROWS["jobs"]:
            assert kept[row["id"]].spec_json == row["spec_json"]
            assert kept[row["id"]].spec_sha256 == row["spec_sha256"]
            if row["finished_at"] is not None:
                assert {name: getattr(kept[row["id"]], name) for name in row} == row
                assert dict(history.read(tx, row["id"]).series)
            if row["status"] == "succeeded":
                assert weights.load(tx, row["id"]).safetensors


def test_nothing_that_nobody_may_claim_is_left(old: Bench) -> None:
    lead_all(old)
    with old.database.write() as tx:
        assert leases.claim_next(tx, old.tools().worker, 15.0) is None


@pytest.fixture
def api(old: Bench) -> Iterator[TestClient]:
    yield from serve(str(old.settings.database_url))


def test_keys_answers_and_lists_go_on(api: TestClient) -> None:
    mine = {"Authorization": f"Bearer {OF_0005.secret}"}
    net = OF_0005.job("succeeded net")["id"]

    again = api.post("/v1/jobs", headers=mine | {"Idempotency-Key": "once"}, json=LINE)
    listed = api.get("/v1/jobs?limit=100", headers=mine).json()["data"]
    answered = api.get(f"/v1/jobs/{net}/gradients?step=5", headers=mine)
    members = api.get(f"/v1/jobs/{OF_0005.job('succeeded with helpers')['id']}/members", headers=mine)

    assert again.status_code == 422
    assert OF_0005.job("succeeded line")["id"] in again.json()["detail"]
    assert len(listed) == len(ROWS["jobs"])
    assert all(job["damaged"] == [] for job in listed), json.dumps(listed)
    assert answered.json()["step"] == 5
    assert [each["role"] for each in members.json()["data"]] == ["lead", "helper", "helper"]
