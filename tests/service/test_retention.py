"""The application itself lets go of what is old."""

from __future__ import annotations

import time
from functools import partial

from fastapi.testclient import TestClient
from sqlalchemy import update

from lockstep.service.store import checkpoints, endings
from lockstep.service.store.database import Database, clock
from lockstep.service.store.tables import jobs
from tests.service.conftest import serve
from tests.service.submissions import LINE, claim
from tests.stored_jobs import RESULT, fenced

DAY = 86400.0
END_SECONDS = 20.0


def steps(api: TestClient, job_id: str) -> list[int]:
    return [each["step"] for each in api.get(f"/v1/jobs/{job_id}/checkpoints").json()["data"]]


def test_checkpoints_of_yesterday_go_when_the_service_starts(
    any_api: TestClient, database: Database, database_url: str
) -> None:
    job_id = any_api.post("/v1/jobs", json=LINE | {"checkpoints": {"keep_last": 1}}).json()["id"]
    held = claim(database)
    for step in (0, 3, 6):
        fenced(database, held, partial(checkpoints.save, step=step, data=b"state"))
    fenced(database, held, lambda fence: endings.succeed(fence, RESULT))
    assert steps(any_api, job_id) == [0, 3, 6]
    with database.write() as tx:
        tx.execute(update(jobs).values(finished_at=clock() - 2 * DAY))

    for api in serve(database_url):
        deadline = time.monotonic() + END_SECONDS
        while steps(api, job_id) != [6]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        job = api.get(f"/v1/jobs/{job_id}").json()

    assert job["status"] == "succeeded"
    assert job["spec"]["checkpoints"] == {"keep_last": 1, "keep_best": False}
