"""/metrics: who may read it, what it tells, that all API processes tell the same, also after a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from lockstep.service import metrics
from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from lockstep.service.store import keys
from lockstep.service.store.counted import COUNTED
from lockstep.service.store.database import Database
from lockstep.service.store.scopes import INCLUDED, Scope
from tests.service.conftest import NO_BROKER
from tests.service.contract import ContractClient
from tests.service.submissions import KEY, LINE
from tests.stored_jobs import job_in
from tests.worker.bench import Bench

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@contextmanager
def application(url: str) -> Iterator[TestClient]:
    settings = Settings(
        database_url=url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
    )
    with ContractClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


def samples(client: TestClient, **headers: str) -> Samples:
    """What it tells, by name and labels."""
    client.app.state.services.http_counts.write()  # type: ignore[attr-defined]  # a FastAPI
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == metrics.CONTENT_TYPE
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def key_of(database: Database, scope: Scope) -> dict[str, str]:
    with database.write() as tx:
        _, secret = keys.create(tx, "owner_a", "test", INCLUDED[scope])
    return {"Authorization": f"Bearer {secret}"}


def test_only_keys_of_the_scope_metrics_and_administrators_read_it(api: TestClient, store: Database) -> None:
    for scope, allowed in (("metrics", 200), ("admin", 200), ("write", 403), ("read", 403)):
        assert api.get("/metrics", headers=key_of(store, scope)).status_code == allowed  # type: ignore[arg-type]
    assert api.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    del api.headers["Authorization"]
    assert api.get("/metrics").status_code == 401


def test_a_key_of_the_scope_metrics_reads_nothing_else(api: TestClient, store: Database) -> None:
    mine = key_of(store, "metrics")
    for path in ("/v1/jobs", "/v1/queue", "/v1/workers", "/v1/jobs/job_0"):
        assert api.get(path, headers=mine).status_code == 403, path
    assert api.post("/v1/jobs", json=LINE, headers=mine).status_code == 403


def test_it_takes_no_parameters(api: TestClient) -> None:
    assert api.get("/metrics?job=x").status_code == 422


def test_everything_is_there_before_anything_has_happened(any_api: TestClient) -> None:
    found = samples(any_api)
    shown = {name for name, _ in found}
    for each in COUNTED:
        assert {each.name, f"{each.name}_count"} & shown or each.name == "lockstep_http_requests_total", each
    assert {each.name for each in metrics.GAUGES} <= shown
    assert value(found, "lockstep_jobs_ended_total", status="failed") == 0
    assert value(found, "lockstep_evictions_total", reason="lease_expired") == 0
    assert value(found, "lockstep_refused_frames_total", reason="seal") == 0
    assert value(found, "lockstep_job_wait_seconds_bucket", le="+Inf") == 0


def test_it_tells_of_a_job_from_its_post_to_its_end(any_api: TestClient, database: Database) -> None:
    assert any_api.post("/v1/jobs", json=LINE).status_code == 201
    queued = samples(any_api)
    bench = Bench(database=database, settings=Settings(database_url="sqlite:///unused"))
    job = bench.lead()
    found = samples(any_api)

    assert value(queued, "lockstep_jobs", status="queued") == 1
    assert value(queued, "lockstep_queue_oldest_seconds") > 0
    assert value(found, "lockstep_jobs", status="queued") == 0
    assert value(found, "lockstep_queue_oldest_seconds") == 0
    assert value(found, "lockstep_jobs_submitted_total") == 1
    assert value(found, "lockstep_jobs_ended_total", status="succeeded") == 1
    assert value(found, "lockstep_steps_total") == job.step
    assert value(found, "lockstep_job_run_seconds_count", status="succeeded") == 1
    assert value(found, "lockstep_job_wait_seconds_bucket", le="86400.0") == 1
    assert value(found, "lockstep_group_seconds_total", spent="computing") > 0
    route = {"method": "POST", "route": "/v1/jobs", "status": "201"}
    assert value(found, "lockstep_http_requests_total", **route) == 1
    assert value(found, "lockstep_database_up") == 1
    assert value(found, "lockstep_database_has_room") == 1
    assert value(found, "lockstep_broker_up") == 0


def test_requests_are_counted_by_route_and_not_by_what_clients_make_up(api: TestClient) -> None:
    for path in ("/v1/jobs/job_1", "/v1/jobs/job_2", "/nothing", "/v1/nothing", "/nothing/else"):
        assert api.get(path).status_code == 404
    api.head("/healthz")
    api.request("BREW", "/healthz")
    found = samples(api)

    def times(**labels: str) -> float:
        return value(found, "lockstep_http_requests_total", **labels)

    assert times(method="GET", route="/v1/jobs/{job_id}", status="404") == 2
    assert times(method="GET", route="other", status="404") == 3
    assert times(method="GET", route="/healthz", status="200") == 1
    assert {dict(labels)["method"] for name, labels in found if name == "lockstep_http_requests_total"} <= {
        "GET",
        "other",
    }
    assert value(found, "lockstep_http_request_seconds_count") >= 7


def totals_of(found: Samples) -> Samples:
    """What comes from the database; requests go on while one asks."""
    return {
        key: number
        for key, number in found.items()
        if not key[0].startswith(("lockstep_http_", "lockstep_queue_oldest"))
    }


def test_two_api_processes_tell_the_same_and_a_restart_changes_nothing(
    database_url: str, database: Database
) -> None:
    bench = Bench(database=database, settings=Settings(database_url="sqlite:///unused"))
    with application(database_url) as one, application(database_url) as other:
        for client in (one, other, one):
            assert client.post("/v1/jobs", json=LINE).status_code == 201
        for _ in range(2):
            bench.lead()
        for client in (one, other):
            client.app.state.services.http_counts.write()  # type: ignore[attr-defined]  # a FastAPI
        first, second = samples(one), samples(other)
        assert totals_of(first) == totals_of(second)
        route = {"method": "POST", "route": "/v1/jobs", "status": "201"}
        assert value(first, "lockstep_http_requests_total", **route) == 3
    with application(database_url) as again:
        third = samples(again)
    assert totals_of(third) == totals_of(first)
    assert value(third, "lockstep_http_requests_total", **route) == 3


def test_counts_outlive_what_they_counted(any_api: TestClient, database: Database) -> None:
    from sqlalchemy import delete

    from lockstep.service.store.tables import jobs

    job_in(database, "failed")
    with database.write() as tx:
        tx.execute(delete(jobs))
    assert value(samples(any_api), "lockstep_jobs_ended_total", status="failed") == 1


def test_without_the_database_it_says_that_and_nothing_else(tmp_path: Path) -> None:
    with application(f"sqlite:///{tmp_path}/missing/x.db") as client:
        answer = client.get("/metrics")
        assert answer.status_code == 200
        assert "lockstep_database_up 0.0" in answer.text
        assert "lockstep_jobs" not in answer.text
        stranger = client.get("/metrics", headers={"Authorization": "Bearer some-other-key"})
        assert stranger.status_code == 503


def test_what_the_database_refuses_to_count_is_counted_later(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Any = api.app.state.services.http_counts  # type: ignore[attr-defined]  # a FastAPI
    counts.write()
    before = value(samples(api), "lockstep_http_request_seconds_count")
    database = counts._database
    monkeypatch.setattr(counts, "_database", Database("sqlite:////nowhere/at/all.db"))
    for _ in range(3):
        api.get("/healthz")
        counts.write()
    monkeypatch.setattr(counts, "_database", database)
    assert value(samples(api), "lockstep_http_request_seconds_count") == before + 4


def test_many_ask_at_once(api: TestClient) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(api.get("/metrics").status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [200] * 8
