"""/v1/jobs/{id}/members, and what a job says of its workers."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from lockstep.service.store import endings, members
from lockstep.service.store.database import Database
from lockstep.service.store.endings import Progress
from lockstep.service.store.leases import JobFence
from tests.service.store.test_members import HELPER, LEAD
from tests.service.submissions import LINE, claim
from tests.stored_jobs import fenced


def test_a_job_tells_who_works_at_it(any_api: TestClient, database: Database) -> None:
    job_id = any_api.post("/v1/jobs", json=LINE).json()["id"]
    held = claim(database)
    assert any_api.get(f"/v1/jobs/{job_id}/members").json()["data"] == []

    def work(fence: JobFence) -> None:
        members.save(fence, [LEAD, HELPER, replace(HELPER, number=2, left="late", left_step=9)])
        endings.record_progress(fence, Progress(step=9, epoch=1, members=2, most=3, advised=2))

    fenced(database, held, work)

    workers = any_api.get(f"/v1/jobs/{job_id}").json()["workers"]
    assert workers == {"wanted": 1, "active": 2, "most": 3, "advised": 2}
    lead, helper, late = any_api.get(f"/v1/jobs/{job_id}/members").json()["data"]
    assert lead == {
        "id": "1.0",
        "object": "job.member",
        "attempt": 1,
        "rank": 0,
        "worker_id": "worker_a",
        "host": "here",
        "role": "lead",
        "transport": "none",
        "generation": 3,
        "joined_step": 0,
        "left_step": None,
        "left": None,
        "shards": 4,
        "compute_seconds": 1.5,
        "exchange_seconds": 0.25,
        "waiting_seconds": 0.125,
    }
    assert (helper["id"], helper["transport"], helper["left"]) == ("1.1", "tcp", None)
    assert (late["left"], late["left_step"]) == ("late", 9)


def test_members_come_in_pages(api: TestClient, store: Database) -> None:
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]
    held = claim(store)
    stays = [LEAD, *(replace(HELPER, number=number) for number in range(1, 4))]
    fenced(store, held, lambda fence: members.save(fence, stays))

    first = api.get(f"/v1/jobs/{job_id}/members", params={"limit": 3}).json()
    rest = api.get(f"/v1/jobs/{job_id}/members", params={"after": first["last_id"]}).json()

    assert ([each["id"] for each in first["data"]], first["has_more"]) == (["1.0", "1.1", "1.2"], True)
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (["1.3"], False)


def test_members_have_an_etag(api: TestClient) -> None:
    path = f"/v1/jobs/{api.post('/v1/jobs', json=LINE).json()['id']}/members"
    tag = api.get(path).headers["ETag"]

    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_what_is_no_member_is_refused(api: TestClient) -> None:
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]

    assert api.get(f"/v1/jobs/{job_id}/members", params={"after": "7"}).status_code == 422
    assert api.get("/v1/jobs/job_0nobody/members").status_code == 404


def test_as_many_workers_as_pay(api: TestClient) -> None:
    job = api.post("/v1/jobs", json=LINE | {"workers": "auto", "shards": 4}).json()
    alone = api.post("/v1/jobs", json=LINE | {"workers": "auto", "shards": 1}).json()

    assert (job["spec"]["workers"], job["workers"]["wanted"]) == ("auto", 4)
    assert alone["workers"]["wanted"] == 1
    answer = api.post("/v1/jobs", json=LINE | {"workers": "many"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/workers"
