"""What holds for every address: problems, request ids, hosts, headers, the page, the documents."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lockstep.service import page
from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from lockstep.service.store.migrating import migrate
from tests.service.conftest import NO_BROKER
from tests.service.contract import ContractClient
from tests.service.submissions import KEY, LINE


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder}/x.db", broker_url=NO_BROKER, api_key=SecretStr(KEY), **changes
    )


@pytest.fixture
def unmigrated(tmp_path: Path) -> Iterator[TestClient]:
    """The application whose database is empty."""
    app = create_app(settings(tmp_path, allowed_hosts="*", reconcile_seconds=600))
    with ContractClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


def problem(response: Any) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-Id"]
    document: dict[str, Any] = response.json()
    assert set(document) == {"type", "title", "status", "code", "detail", "instance", "errors"}
    assert document["type"].startswith("/docs/problems#")
    assert document["status"] == response.status_code
    assert all(set(entry) == {"pointer", "code", "message"} for entry in document["errors"])
    return document


def test_every_refusal_is_a_problem_document(shared_api: TestClient) -> None:
    json_type = {"Content-Type": "application/json"}
    for response, status in (
        (shared_api.get("/nothing"), 404),
        (shared_api.get("/v1/nothing"), 404),
        (shared_api.get("/v1/jobs/"), 404),
        (shared_api.get("/assets/nothing.js"), 404),
        (shared_api.get("/v1/jobs/job_0"), 404),
        (shared_api.delete("/v1/jobs"), 405),
        (shared_api.post("/healthz"), 405),
        (shared_api.post("/v1/jobs", content=b"{", headers=json_type), 400),
        (shared_api.post("/v1/jobs", content=b"x" * (33 << 20), headers=json_type), 413),
        (shared_api.post("/v1/jobs", content=b"{}"), 415),
        (shared_api.post("/v1/jobs", json={}), 422),
        (shared_api.get("/v1/jobs?limit=0"), 422),
        (shared_api.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}), 401),
    ):
        assert problem(response)["status"] == status


@pytest.mark.parametrize("verb", ["start", "stop", "delete"])
def test_what_nobody_asked_for_is_absent(shared_api: TestClient, verb: str) -> None:
    assert shared_api.post(f"/v1/jobs/job_0/{verb}").status_code == 404


def test_405_names_all_methods(shared_api: TestClient) -> None:
    assert shared_api.put("/v1/jobs").headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert shared_api.put("/v1/jobs/job_0").headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert shared_api.get("/v1/jobs/job_0/cancel").headers["Allow"] == "OPTIONS, POST"
    assert shared_api.post("/").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_every_method_that_allow_names_is_heard(shared_api: TestClient) -> None:
    for path in shared_api.get("/openapi.json").json()["paths"]:
        address = path.replace("{job_id}", "job_0")
        allowed = set(shared_api.put(address).headers["Allow"].split(", "))
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
            heard = shared_api.request(method, address).status_code != 405
            assert heard == (method in allowed), (method, path)


def test_before_the_page_is_built_its_files_are_absent(tmp_path: Path) -> None:
    app = FastAPI()
    page.install(app, tmp_path / "dist")
    with TestClient(app) as client:
        assert [client.get(path).status_code for path in ("/", "/favicon.svg", "/assets/nothing.js")] == [
            404
        ] * 3
        (tmp_path / "dist" / "assets").mkdir(parents=True)
        (tmp_path / "dist" / "assets" / "a.js").write_text("1")
        assert client.get("/assets/a.js").status_code == 200


def test_request_ids(shared_api: TestClient) -> None:
    own = {shared_api.get(path).headers["X-Request-Id"] for path in ("/healthz", "/v1/jobs", "/no", "/")}
    assert len(own) == 4
    for sane in ("a", "0a1b-2c.3d_4e:5f", "x" * 128):
        assert shared_api.get("/healthz", headers={"X-Request-Id": sane}).headers["X-Request-Id"] == sane
    for insane in ("", "x" * 129, "a b", "a\tb", "<script>", "ü", "-a"):
        given = [(b"X-Request-Id", insane.encode("latin-1"))]
        assert shared_api.get("/healthz", headers=given).headers["X-Request-Id"].startswith("req_")


def test_security_headers_are_on_every_answer(shared_api: TestClient) -> None:
    for path in ("/", "/docs", "/healthz", "/v1/jobs", "/nothing"):
        headers = shared_api.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert shared_api.get("/v1/jobs").headers["Cache-Control"] == "private, no-cache"


def test_no_other_origin_is_let_in(shared_api: TestClient) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    response = shared_api.options("/v1/jobs", headers=headers)
    assert response.status_code == 204
    assert not any(name.startswith("access-control") for name in response.headers)


def test_a_loopback_service_answers_to_its_own_names_only(tmp_path: Path) -> None:
    with ContractClient(create_app(settings(tmp_path)), base_url="http://127.0.0.1:8000") as client:
        for host in ("127.0.0.1:8000", "LOCALHOST", "[::1]:80", "localhost:1"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "evil:8000", ""):
            response = client.get("/healthz", headers={"Host": host})
            assert problem(response)["status"] == 421


def test_before_the_migration_it_lives_but_is_not_ready(unmigrated: TestClient) -> None:
    assert unmigrated.get("/healthz").status_code == 200
    assert "not migrated" in problem(unmigrated.get("/readyz"))["detail"]
    assert problem(unmigrated.get("/v1/jobs"))["status"] == 503
    migrate(unmigrated.app.state.services.settings.database_url)  # type: ignore[attr-defined]  # a FastAPI
    assert unmigrated.get("/readyz").status_code == 200
    assert unmigrated.get("/v1/jobs").status_code == 200


def test_a_database_that_cannot_be_opened_is_503(tmp_path: Path) -> None:
    with ContractClient(create_app(settings(tmp_path / "missing", allowed_hosts="*"))) as client:
        assert problem(client.get("/readyz"))["status"] == 503
        response = client.get("/v1/jobs", headers={"Authorization": f"Bearer {KEY}"})
        assert problem(response)["status"] == 503
        assert response.headers["Retry-After"] == "1"


def test_a_fault_of_ours_is_500_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(settings(tmp_path, allowed_hosts="*"))

    @app.get("/fault")
    def fault() -> None:
        raise ZeroDivisionError("the secret of the fault")

    with ContractClient(app) as client, caplog.at_level(logging.ERROR):
        response = client.get("/fault", headers={"X-Request-Id": "id-1"})
    assert problem(response)["status"] == 500
    assert "secret" not in response.text
    assert "request=id-1" in caplog.text
    assert "the secret of the fault" in caplog.text


def test_the_example_key_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    example = settings(tmp_path).model_copy(update={"api_key": SecretStr("local-only-change-me")})
    with caplog.at_level(logging.WARNING), ContractClient(create_app(example)):
        pass
    assert "action=example_key" in caplog.text


def test_openapi_shows_the_limits_of_a_spec(shared_api: TestClient) -> None:
    del shared_api.headers["Authorization"]
    try:
        document = shared_api.get("/openapi.json").json()
    finally:
        shared_api.headers["Authorization"] = f"Bearer {KEY}"
    post = document["paths"]["/v1/jobs"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/JobSpec")
    assert {"201", "200", "400", "401", "403", "413", "415", "422", "503"} <= set(post["responses"])
    schemas = document["components"]["schemas"]
    assert schemas["TrainSpec"]["properties"]["epochs"]["minimum"] == 1
    assert schemas["TrainSpec"]["additionalProperties"] is False
    kinds = {each["$ref"].rpartition("/")[2] for each in schemas["JobSpec"]["anyOf"]}
    assert kinds == {"TrainSpec", "MinimizeSpec", "SolveSpec"}
    assert schemas["Job"]["properties"]["progress"]["$ref"].endswith("/Progress")
    for reference in set(_references(document)):
        kind, _, name = reference.removeprefix("#/components/").partition("/")
        assert name in document["components"][kind]
    names = {each["name"] for each in document["paths"]["/v1/jobs"]["get"]["parameters"]}
    assert names == {"status", "kind", "name", "order", "limit", "after", "before", "metadata"}


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for item in part.values():
            yield from _references(item)
    elif isinstance(part, list):
        for item in part:
            yield from _references(item)


def test_answers_have_the_documented_shapes(shared_api: TestClient) -> None:
    """Each key that an answer's schema requires is there, and none that it does not know."""
    schemas = shared_api.get("/openapi.json").json()["components"]["schemas"]
    job = shared_api.post("/v1/jobs", json=LINE).json()
    for name, answer in (
        ("Job", job),
        ("Progress", job["progress"]),
        ("Timings", job["timings"]),
        ("JobPage", shared_api.get("/v1/jobs").json()),
        ("EventPage", shared_api.get(f"/v1/jobs/{job['id']}/events").json()),
        ("Event", shared_api.get(f"/v1/jobs/{job['id']}/events").json()["data"][0]),
        ("History", shared_api.get(f"/v1/jobs/{job['id']}/history").json()),
        ("WorkerPage", shared_api.get("/v1/workers").json()),
        ("Queue", shared_api.get("/v1/queue").json()),
        ("Validation", shared_api.post("/v1/jobs?validate_only=1", json=LINE).json()),
        ("ProblemDocument", shared_api.get("/nothing").json()),
    ):
        assert set(answer) == set(schemas[name]["properties"]), name


def test_docs_list_every_operation_without_scripts(shared_api: TestClient) -> None:
    text = shared_api.get("/docs").text
    for path, operations in shared_api.get("/openapi.json").json()["paths"].items():
        for method in operations:
            assert f"<b>{method.upper()}</b> {path}" in text
    assert "<script" not in text
    assert "style=" not in text
    assert shared_api.get("/docs.css").headers["Content-Type"].startswith("text/css")


def test_the_page_when_it_is_built_and_when_not(tmp_path: Path) -> None:
    app = FastAPI(openapi_url=None)
    page.install(app, tmp_path)
    with TestClient(app) as client:
        assert "make install" in client.get("/").text
        assert client.get("/").status_code == 404
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets" / "a-1.js").write_text("1")
        (tmp_path / "index.html").write_text("<p>page</p>")
        (tmp_path / "favicon.svg").write_text("<svg/>")
        assert client.get("/").text == "<p>page</p>"
        assert client.get("/").headers["Cache-Control"] == "no-cache"
        assert client.get("/assets/a-1.js").headers["Cache-Control"] == "public, max-age=31536000, immutable"
        for icon in ("/favicon.svg", "/favicon.ico"):
            assert client.get(icon).headers["Content-Type"].startswith("image/svg")
        assert client.get("/assets/../index.html").status_code == 404
        assert client.get("/assets/%2e%2e/index.html").status_code == 404


def test_a_body_of_problems_is_bounded(shared_api: TestClient) -> None:
    response = shared_api.post("/v1/jobs", json={f"key {number}": 1 for number in range(1000)})
    assert len(problem(response)["errors"]) <= 100
    assert len(json.dumps(response.json())) < 100_000


def test_posting_does_not_wait_for_a_silent_broker(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/x.db")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        broker_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        app = create_app(settings(tmp_path, allowed_hosts="*").model_copy(update={"broker_url": broker_url}))
        with ContractClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
            client.get("/v1/jobs")
            for _ in range(5):
                assert client.post("/v1/jobs", json=LINE).status_code == 201
        silent.setblocking(False)
        assert len(list(knocks(silent))) < 5  # the thread's that rings: no POST waits for an answer


def knocks(listening: socket.socket) -> Iterator[str]:
    """Who has connected until now."""
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, address = listening.accept()
            connection.close()
            yield str(address)
