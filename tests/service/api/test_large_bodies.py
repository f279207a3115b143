"""Large bodies are read in a process of their own: they come to the same, and nobody waits for ever."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.core.submission import parse_job, resolve
from lockstep.service.api.body import LARGE_BYTES
from lockstep.service.api.reader import SubmissionReader
from lockstep.service.api.submission import Asked, Refusal, Submission, read_submission
from lockstep.service.app import create_app
from lockstep.service.errors import ApiProblem
from lockstep.service.settings import Settings
from lockstep.service.store import specs
from lockstep.service.store.database import Database
from lockstep.service.store.tables import idempotency_keys
from lockstep.service.store.tables import jobs as table
from tests.service.submissions import LINE

END_SECONDS = 20.0
JSON = {"Content-Type": "application/json"}
ASKED = Asked(owner_id="owner", key_id="key", max_job_bytes=2**40)
BESIDE_LIMIT = pytest.mark.parametrize("size", [LARGE_BYTES, LARGE_BYTES + 1], ids=["small", "large"])


def padded(text: str, size: int) -> bytes:
    """The same JSON, so many bytes long."""
    return text.encode() + b" " * (size - len(text.encode()))


def with_rows(rows: int) -> dict[str, Any]:
    """A training with so many rows of numbers that need all their digits."""
    x, y = np.random.default_rng(rows).normal(size=(2, rows)).tolist()
    return LINE | {"data": {"inline": {"x": x, "y": y}}, "seed": 5}


def posted(api: TestClient, body: bytes, **headers: str) -> Any:
    return api.post("/v1/jobs", content=body, headers=JSON | headers)


def reader_of(api: TestClient) -> SubmissionReader:
    reader: SubmissionReader = api.app.state.services.reader  # type: ignore[attr-defined]  # the app is FastAPI's
    return reader


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + END_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


@BESIDE_LIMIT
def test_a_body_makes_the_same_job_on_both_ways(api: TestClient, store: Database, size: int) -> None:
    raw = with_rows(200)
    whole = resolve(parse_job(raw), lambda: 0).model_dump_json(exclude_none=True)

    job = posted(api, padded(json.dumps(raw), size), **{"Idempotency-Key": "k"}).json()

    assert job["spec"] == json.loads(whole)
    assert (reader_of(api).pid is not None) == (size > LARGE_BYTES)
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    with store.read() as tx:
        assert tx.execute(table.select()).one().spec_sha256 == hashlib.sha256(whole.encode()).hexdigest()
        key = tx.execute(idempotency_keys.select()).one()
        assert key.body_sha256 == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.fixture(scope="module")
def mib_28() -> tuple[bytes, str]:
    """A job of 28 MiB as it is posted, and as the core resolves it."""
    raw = with_rows(28 * 2**20 // 42)
    return json.dumps(raw).encode(), resolve(parse_job(raw), lambda: 0).model_dump_json(exclude_none=True)


def test_28_mib_are_stored_as_the_core_resolves_them(
    any_api: TestClient, database: Database, mib_28: tuple[bytes, str]
) -> None:
    body, whole = mib_28
    expected = json.loads(whole)
    assert len(body) > 25 * 2**20

    response = posted(any_api, body)

    job = response.json()
    assert response.status_code == 201
    assert len(response.content) < 10_000
    assert job["spec"]["data"].keys() == expected["data"].keys() - {"inline"}
    with database.read() as tx:
        row = tx.execute(table.select()).one()
        assert row.spec_sha256 == hashlib.sha256(whole.encode()).hexdigest()
        assert json.loads(specs.load(tx, job["id"]).spec_json) == expected
    told = any_api.get(job["spec_url"])
    assert told.json() == expected
    assert any_api.get(f"/v1/jobs/{job['id']}").json()["spec"] == job["spec"]


def test_a_key_makes_one_job_however_it_is_written(api: TestClient) -> None:
    text, key = json.dumps(LINE), {"Idempotency-Key": "k"}
    first = posted(api, padded(text, LARGE_BYTES), **key)
    again = posted(api, padded(text, LARGE_BYTES + 1), **key)
    other = posted(api, padded(json.dumps(LINE | {"epochs": 3}), LARGE_BYTES + 1), **key)

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json()["id"] == first.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    "text",
    [
        "{]",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"name": "\\ud800"}',
        "[]",
        '{"kind": "bake"}',
        json.dumps(LINE | {"epochs": 0, "loss": "msee", "batch_size": -1}),
        json.dumps(LINE | {"data": {"inline": {"x": [1, 2], "y": [1]}}}),
        json.dumps(LINE | {"start_from": "job_0"}),
        json.dumps({"kind": "minimize", "objective": "x**", "parameters": {"x": 1}}),
    ],
)
def test_refusals_are_the_same_on_both_ways(shared_api: TestClient, text: str) -> None:
    small, large = (posted(shared_api, padded(text, size)) for size in (LARGE_BYTES, LARGE_BYTES + 1))

    assert 400 <= small.status_code < 500
    assert (large.status_code, large.json()) == (small.status_code, small.json())
    assert large.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["validate_only=true", "validate_only=true&gradcheck=true", "gradcheck=true"]
)
def test_validation_is_the_same_on_both_ways(shared_api: TestClient, query: str) -> None:
    small, large = (
        shared_api.post(f"/v1/jobs?{query}", content=padded(json.dumps(LINE), size), headers=JSON)
        for size in (LARGE_BYTES, LARGE_BYTES + 1)
    )

    assert (large.status_code, large.json()) == (small.status_code, small.json())
    assert small.status_code == (422 if query == "gradcheck=true" else 200)


def test_validation_leaves_large_data_out(shared_api: TestClient) -> None:
    response = shared_api.post("/v1/jobs?validate_only=true", json=with_rows(20_000))

    assert response.status_code == 200
    assert response.json()["spec"]["data"].keys() & {"inline"} == set()
    assert len(response.content) < 10_000


def test_a_reader_that_dies_is_told_and_followed_by_another(api: TestClient) -> None:
    body = padded(json.dumps(LINE), LARGE_BYTES + 1)
    assert posted(api, body).status_code == 201
    first = reader_of(api).pid
    assert first is not None
    os.kill(first, 9)

    statuses = [posted(api, body).status_code for _ in range(2)]

    assert statuses[0] in (201, 503)  # the death is noticed before the body is sent, or after
    assert statuses[1] == 201
    assert reader_of(api).pid not in (None, first)


def test_nothing_of_the_reader_is_left(sqlite_url: str) -> None:
    settings = Settings(database_url=sqlite_url, broker_url="redis://127.0.0.1:1/0", allowed_hosts="*")
    reader = create_app(settings).state.services.reader
    found = reader._read_apart(padded(json.dumps(LINE), LARGE_BYTES + 1), ASKED)
    assert isinstance(found, Submission)
    pid = reader.pid

    reader.close()

    assert reader.pid is None
    assert not is_there(pid)


@pytest.fixture
def reader() -> Iterator[SubmissionReader]:
    """One that is closed, whatever happens."""
    made = SubmissionReader()
    yield made
    made.close()


def test_the_reader_ends_when_the_api_is_gone(reader: SubmissionReader) -> None:
    assert isinstance(reader._read_apart(b"{", ASKED), Refusal)
    process = reader._process
    assert process is not None
    assert process.stdin is not None

    process.stdin.close()

    assert eventually(lambda: process.poll() == 0)


def test_the_reader_imports_nothing_of_the_working_folder(
    reader: SubmissionReader, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "queue", "numpy", "lockstep"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('expected nobody to import this')\n")
    monkeypatch.chdir(tmp_path)

    assert reader._read_apart(b"{", ASKED) == read_submission(b"{", ASKED)


@pytest.mark.parametrize("by", ["a kill", "the application's end"])
def test_who_waits_for_a_reader_that_ends_is_told(reader: SubmissionReader, by: str) -> None:
    body = padded(json.dumps(LINE), 2**25)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader._read_apart, body, ASKED)
        assert eventually(lambda: reader.pid is not None)
        if by == "a kill":
            os.kill(reader.pid or 0, 9)
        else:
            reader.close()
        with pytest.raises(ApiProblem) as told:
            waiting.result(END_SECONDS)

    assert (told.value.status, told.value.headers["Retry-After"]) == (503, "1")
    assert reader.pid is None
