"""HEAD on every GET route, gzip for whoever takes it, and a prefix before all addresses."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lockstep.service import page
from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from lockstep.service.transfer import SHORTEST_BYTES
from tests.service.conftest import NO_BROKER
from tests.service.contract import ContractClient
from tests.service.submissions import KEY, LINE

PLAIN = {"Accept-Encoding": "identity"}
GZIP = {"Accept-Encoding": "gzip"}
VARIES = {"x-request-id", "date"}


@pytest.fixture(scope="module")
def job_id(shared_api: TestClient) -> str:
    made: str = shared_api.post("/v1/jobs", json=LINE).json()["id"]
    return made


def get_routes(routes: list[Any]) -> Iterator[str]:
    """Every path that is asked with GET, with its parameters' names."""
    for route in routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            yield route.path
        elif hasattr(route, "original_router"):
            yield from get_routes(route.original_router.routes)


def all_get_paths(client: TestClient) -> list[str]:
    app: Any = client.app
    assert isinstance(app, FastAPI)
    documented = [path for path, methods in app.openapi()["paths"].items() if "get" in methods]
    return sorted(
        {*documented, *get_routes(app.routes), "/openapi.json", "/docs", "/", "/healthz", "/readyz"}
    )


def headers_of(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in VARIES}


@pytest.mark.parametrize("encoding", [PLAIN, GZIP], ids=["plain", "gzip"])
def test_head_is_get_without_the_body_on_every_route(
    shared_api: TestClient, job_id: str, encoding: dict[str, str]
) -> None:
    paths = all_get_paths(shared_api)
    assert len(paths) > 15

    for path in paths:
        address = re.sub(r"\{\w+\}", job_id, path)
        got, head = shared_api.get(address, headers=encoding), shared_api.head(address, headers=encoding)

        assert head.status_code == got.status_code, path
        changes = path in ("/v1/queue", "/metrics")  # how long jobs wait, and how many requests there were
        ages = {"etag", "content-length"} if changes else set()
        told, expected = headers_of(head), headers_of(got)
        assert {name: told[name] for name in told if name not in ages} == {
            name: expected[name] for name in expected if name not in ages
        }, path
        assert head.content == b"", path


def test_head_where_there_is_no_get_is_refused(shared_api: TestClient, job_id: str) -> None:
    refused = shared_api.head(f"/v1/jobs/{job_id}/cancel")

    assert refused.status_code == 405
    assert refused.headers["Allow"] == "OPTIONS, POST"


def raw(client: TestClient, path: str, accepts: str) -> tuple[bytes, Any]:
    with client.stream("GET", path, headers={"Accept-Encoding": accepts}) as response:
        return b"".join(response.iter_raw()), response.headers


@pytest.mark.parametrize("accepts", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_json_and_text_travel_compressed(shared_api: TestClient, accepts: str) -> None:
    for path in ("/openapi.json", "/docs"):
        whole, _ = raw(shared_api, path, "identity")
        packed, headers = raw(shared_api, path, accepts)

        assert headers["Content-Encoding"] == "gzip"
        assert headers["Vary"] == "Accept-Encoding"
        assert int(headers["Content-Length"]) == len(packed) < len(whole) / 3
        assert gzip.decompress(packed) == whole


@pytest.mark.parametrize("accepts", ["identity", "gzip;q=0", "br", "", "*;q=0", "gzip;q=nonsense"])
def test_who_does_not_take_gzip_gets_none(shared_api: TestClient, accepts: str) -> None:
    _, headers = raw(shared_api, "/openapi.json", accepts)

    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"


def test_what_is_short_stays_as_it_is(shared_api: TestClient) -> None:
    body, headers = raw(shared_api, "/healthz", "gzip")

    assert len(body) < SHORTEST_BYTES
    assert "Content-Encoding" not in headers


def test_a_file_in_pieces_and_one_of_bytes(tmp_path: Path) -> None:
    script, picture = b"let x = 1;\n" * 40_000, bytes(range(256)) * 400
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "page.js").write_bytes(script)
    (assets / "page.bin").write_bytes(picture)
    app = create_app(
        Settings(database_url=f"sqlite:///{tmp_path}/x.db", broker_url=NO_BROKER, allowed_hosts="*")
    )
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") != "/assets"]
    page.install(app, tmp_path)
    client = ContractClient(app)

    packed, headers = raw(client, "/assets/page.js", "gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert zlib.decompress(packed, 31) == script
    plain, headers = raw(client, "/assets/page.bin", "gzip")
    assert "Content-Encoding" not in headers
    assert plain == picture
    part = client.get("/assets/page.js", headers={**GZIP, "Range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, script[:100])


@pytest.mark.parametrize("left_on", [True, False])
def test_a_prefix_holds_for_all_addresses(sqlite_url: str, left_on: bool) -> None:
    """Proxies take the prefix off or leave it on."""
    settings = Settings(
        database_url=sqlite_url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
        root_path="/teams/a",
    )
    before = "/teams/a" if left_on else ""
    with ContractClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as client:
        made = client.post(f"{before}/v1/jobs", json=LINE)
        listed = client.get(f"{before}/v1/jobs")
        document = client.get(f"{before}/openapi.json").json()
        docs = client.get(f"{before}/docs").text
        refused = client.delete(f"{before}/v1/jobs")
        problems = (
            refused,
            client.get(f"{before}/nothing"),
            client.get(f"{before}/assets/nothing.js"),
            client.get(f"{before}/v1/jobs", headers={"X-Long": "a" * 70_000}),
            client.get(f"{before}/v1/jobs?limit=0"),
        )

    assert made.headers["Location"] == f"/teams/a/v1/jobs/{made.json()['id']}"
    assert listed.headers["Cache-Control"] == "private, no-cache"
    assert document["servers"] == [{"url": "/teams/a"}]
    assert 'href="/' not in docs
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert [each.json()["type"] for each in problems] == [
        f"/teams/a/docs/problems#{code}"
        for code in ("method_not_allowed", "not_found", "not_found", "headers_too_large", "invalid_parameter")
    ]


@pytest.mark.parametrize("prefix", ["a", "/a/", "/a b", "https://x/a", "/a?b"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    with pytest.raises(ValueError, match="root_path"):
        Settings(root_path=prefix)
