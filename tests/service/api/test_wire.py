"""What comes as a body, and numbers that are not finite on the way out."""

from __future__ import annotations

import json
import math

import pytest
from fastapi.testclient import TestClient

from lockstep.service.api.wire import dump_json
from tests.service.submissions import LINE

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty body"),
        (b" \n", "empty body"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1} x', "Extra data"),
        (b'{"epochs": NaN}', "NaN is not JSON"),
        (b'{"epochs": -Infinity}', "-Infinity is not JSON"),
        (b'{"model": {"layers": 1, "layers": 2}}', "'layers' stands twice"),
        (b'{"name": "\xff"}', "0xff at offset 10"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"name": "\\uDFFF"}', "surrogate"),
        (b'{"epochs": ' + b"9" * 5000 + b"}", "300 digits"),
    ],
)
def test_what_is_not_strict_json_is_400(shared_api: TestClient, body: bytes, said: str) -> None:
    for path in ("/v1/jobs", "/v1/jobs/job_0/predict"):
        response = shared_api.post(path, content=body, headers=JSON)
        assert response.status_code == 400, response.text
        assert said in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"7",
        b"1e999",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"model": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"model": {"layers": ' + b"[" * 400 + b"]" * 400 + b"}}",
        b'{"epochs": ' + b"9" * 4000 + b"}",
        b'{"epochs": 1e999, "seed": -1e999}',
        b'{"name": "\\u0000", "metadata": {"\\u0000": "\\u0000"}}',
        b'{"name": "' + b"x" * 100_000 + b'"}',
    ],
)
def test_json_that_is_no_spec_is_422(shared_api: TestClient, body: bytes) -> None:
    response = shared_api.post("/v1/jobs", content=body, headers=JSON)
    assert response.status_code == 422, response.text
    assert response.json()["errors"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_type_is_415(shared_api: TestClient, headers: dict[str, str]) -> None:
    response = shared_api.post("/v1/jobs", content=json.dumps(LINE).encode(), headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"']
)
def test_ways_to_say_json(shared_api: TestClient, content_type: str) -> None:
    body = json.dumps(LINE).encode()
    assert (
        shared_api.post("/v1/jobs", content=body, headers={"Content-Type": content_type}).status_code == 201
    )


def test_unicode_is_kept(shared_api: TestClient) -> None:
    body = json.dumps(LINE | {"name": "Größe 😀", "metadata": {"😀": "\u2028"}})
    job = shared_api.post("/v1/jobs", content=body.encode(), headers=JSON).json()
    assert (job["name"], job["metadata"]) == ("Größe 😀", {"😀": "\u2028"})
    assert shared_api.get(f"/v1/jobs/{job['id']}").json()["name"] == "Größe 😀"


def test_a_body_over_the_limit_is_413(shared_api: TestClient) -> None:
    limit = 32 * 1024 * 1024
    declared = shared_api.post("/v1/jobs", content=b" " * (limit + 1), headers=JSON)
    assert declared.status_code == 413
    assert str(limit) in declared.json()["detail"]
    streamed = shared_api.post("/v1/jobs", content=iter([b" " * 1024 * 1024] * 33), headers=JSON)
    assert streamed.status_code == 413


def test_a_large_body_is_taken(shared_api: TestClient) -> None:
    rows = [[float(number), 1.0] for number in range(20_000)]
    spec = {
        "model": {"layers": [{"type": "linear", "in": 2, "out": 1}]},
        "data": {"inline": {"x": rows, "y": [0.5] * len(rows)}},
        "loss": "mse",
        "optimizer": {"type": "sgd"},
    }
    job = shared_api.post("/v1/jobs", json=spec).json()
    assert shared_api.get(job["spec_url"]).json()["data"]["inline"]["x"] == rows


def test_numbers_that_are_not_finite_become_strings() -> None:
    body = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf}, "d": None, "é": True}
    assert (
        dump_json(body).decode() == '{"a":["NaN",["Infinity",1.5]],"b":{"c":"-Infinity"},"d":null,"é":true}'
    )
