"""Every refusal says in one word what is wrong, leads to what it means, and points at what to change."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from lockstep.service.problems import MEANINGS, OF_STATUS
from lockstep.service.store import keys
from lockstep.service.store.database import Database
from tests.core.formulas.searches import PARABOLA
from tests.service.submissions import LINE
from tests.worker.bench import MOONS, Bench

JSON = {"Content-Type": "application/json"}
QUERIES = (
    (
        "GET",
        "/v1/jobs",
        {
            "status": "queued",
            "kind": "train",
            "name": "a",
            "order": "name",
            "limit": "5",
            "after": "job_0",
            "before": "job_0",
        },
    ),
    ("POST", "/v1/jobs", {"validate_only": "true", "gradcheck": "true"}),
    ("GET", "/v1/jobs/{id}/history", {"series": "loss", "max_points": "5", "since_step": "1"}),
    ("GET", "/v1/jobs/{id}/events", {"after": "0", "limit": "5"}),
    ("GET", "/v1/jobs/{id}/members", {"after": "1.1", "limit": "5"}),
    ("GET", "/v1/jobs/{id}/gradients", {"step": "0"}),
    ("GET", "/v1/jobs/{id}/walk", {"step": "0", "sample": "0"}),
    ("GET", "/v1/jobs/{id}/graph", {"format": "json", "step": "0", "sample": "0"}),
    ("GET", "/v1/jobs/{id}/weights", {"format": "npz"}),
)
"""Each route with parameters, and all of them."""
GOAL = {"value": 1e-9, "of": "train"}
WRONG = {
    "status": "lost",
    "kind": "guess",
    "limit": "0",
    "after": "!",
    "before": "?",
    "order": "sideways",
    "validate_only": "perhaps",
    "gradcheck": "perhaps",
    "max_points": "1",
    "since_step": "-2",
    "step": "-1",
    "sample": "x",
    "format": "pickle",
}


def told(api: TestClient, response: Any) -> dict[str, Any]:
    """The problem, whose type leads to what it means."""
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert re.fullmatch(r"[a-z_]+", document["code"])
    page, _, anchor = document["type"].partition("#")
    assert f'id="{anchor}"' in api.get(page).text
    return document


def test_the_routes_and_parameters_are_all_of_them(shared_api: TestClient) -> None:
    found = {
        (method, path.replace("{job_id}", "{id}")): {
            each["name"] for each in operation.get("parameters", []) if each["in"] == "query"
        }
        - {"metadata"}
        for path, operations in shared_api.get("/openapi.json").json()["paths"].items()
        for method, operation in ((name.upper(), one) for name, one in operations.items())
    }
    assert {key: names for key, names in found.items() if names} == {
        (method, path): set(values) for method, path, values in QUERIES
    }


@pytest.mark.parametrize(("method", "path", "values"), QUERIES)
def test_a_repeated_parameter_is_refused(
    shared_api: TestClient, method: str, path: str, values: dict[str, str]
) -> None:
    job_id = shared_api.post("/v1/jobs", json=LINE).json()["id"]
    for name in values:
        query = urlencode([*values.items(), (name, values[name])])
        response = shared_api.request(method, path.format(id=job_id), params=query, json=LINE)
        document = told(shared_api, response)
        assert (response.status_code, document["code"]) == (422, "repeated_parameter")
        assert [error["pointer"] for error in document["errors"]] == [f"/query/{name}"]


def test_a_repeated_filter_by_metadata_is_refused(shared_api: TestClient) -> None:
    response = shared_api.get("/v1/jobs?metadata[a]=1&metadata[a]=2")
    assert told(shared_api, response)["code"] == "repeated_parameter"
    assert shared_api.get("/v1/jobs?metadata[a]=1&metadata[b]=2").status_code == 200


@pytest.mark.parametrize(("method", "path", "values"), QUERIES)
def test_a_wrong_parameter_is_pointed_at_with_what_came(
    shared_api: TestClient, method: str, path: str, values: dict[str, str]
) -> None:
    job_id = shared_api.post("/v1/jobs", json=LINE).json()["id"]
    for name in values:
        if name not in WRONG:
            continue
        query = values | {name: WRONG[name]}
        response = shared_api.request(method, path.format(id=job_id), params=query, json=LINE)
        document = told(shared_api, response)
        assert (response.status_code, document["code"]) == (422, "invalid_parameter")
        (error,) = document["errors"]
        assert error["pointer"] == f"/query/{name}"
        assert WRONG[name] in error["message"], error


def test_parameters_that_are_wrong_together_are_pointed_at(shared_api: TestClient) -> None:
    job_id = shared_api.post("/v1/jobs", json=LINE, headers={"Idempotency-Key": "together"}).json()["id"]
    for response, pointer in (
        (shared_api.get("/v1/jobs?after=job_0&before=job_0"), "/query/before"),
        (shared_api.get(f"/v1/jobs/{job_id}/graph?sample=0"), "/query/step"),
        (shared_api.post("/v1/jobs?gradcheck=true", json=LINE), "/query/gradcheck"),
        (
            shared_api.post("/v1/jobs", json=PARABOLA, headers={"Idempotency-Key": "together"}),
            "/header/Idempotency-Key",
        ),
    ):
        document = told(shared_api, response)
        assert response.status_code == 422
        assert [error["pointer"] for error in document["errors"]] == [pointer]


def test_a_wrong_header_is_pointed_at(shared_api: TestClient) -> None:
    response = shared_api.post("/v1/jobs", json=LINE, headers={"Idempotency-Key": "x" * 300})
    document = told(shared_api, response)
    assert [error["pointer"] for error in document["errors"]] == ["/header/Idempotency-Key"]


def test_every_refusal_has_a_code(api: TestClient, store: Database) -> None:
    with store.write() as tx:
        _, secret = keys.create(tx, "reader", "r", frozenset({"read"}))
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]
    search = api.post("/v1/jobs", json=PARABOLA).json()["id"]
    api.post("/v1/jobs", json=LINE, headers={"Idempotency-Key": "k"})
    reader = {"Authorization": f"Bearer {secret}"}
    for response, status, code in (
        (api.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}), 401, "unauthorized"),
        (api.post("/v1/jobs", json=LINE, headers=reader), 403, "scope_missing"),
        (api.get("/nothing"), 404, "not_found"),
        (api.get("/v1/jobs/job_0"), 404, "not_found"),
        (api.post("/v1/jobs", json=LINE | {"start_from": "job_0"}), 404, "unknown_job"),
        (api.delete("/v1/jobs"), 405, "method_not_allowed"),
        (api.get(f"/v1/jobs/{job_id}/weights"), 409, "result_not_ready"),
        (api.post(f"/v1/jobs/{search}/predict", json={"x": [1]}), 409, "no_model"),
        (api.get(f"/v1/jobs/{job_id}/gradients?step=0"), 409, "step_not_done"),
        (api.post("/v1/jobs", content=b"x" * (33 << 20), headers=JSON), 413, "body_too_large"),
        (api.post("/v1/jobs", content=b"{}"), 415, "unsupported_media_type"),
        (api.post("/v1/jobs", content=b"{", headers=JSON), 400, "json_invalid"),
        (api.post("/v1/jobs", json={}), 422, "invalid_spec"),
        (api.post("/v1/jobs", content=b"[" * 40, headers=JSON), 422, "too_nested"),
        (api.post("/v1/jobs", json=PARABOLA, headers={"Idempotency-Key": "k"}), 422, "key_reused"),
        (api.get("/v1/jobs?typo=1"), 422, "unknown_parameter"),
        (api.get(f"/v1/jobs/{job_id}/history?series=typo"), 422, "unknown_series"),
        (api.post(f"/v1/jobs/{job_id}/predict", json={}), 422, "inputs"),
        (api.get("/v1/jobs", headers={"X-Long": "x" * 70_000}), 431, "headers_too_large"),
    ):
        document = told(api, response)
        assert (response.status_code, document["code"]) == (status, code), response.text


def test_every_status_and_every_code_has_a_meaning(shared_api: TestClient) -> None:
    text = shared_api.get("/docs/problems").text
    for code in {*OF_STATUS.values(), *MEANINGS}:
        assert f'id="{code}"' in text


def test_a_series_that_no_such_job_records_is_refused_and_one_without_points_is_absent(
    api: TestClient,
) -> None:
    names = {
        "loss": LINE | {"stop": {}},
        "validation_accuracy,gradient_norm.0,saturated_units.1": MOONS,
        "learning_rate": LINE | {"schedule": {"type": "cosine", "t_max": 10}},
        "value,x,grad.x": PARABOLA,
    }
    for series, spec in names.items():
        job_id = api.post("/v1/jobs", json=spec).json()["id"]
        assert api.get(f"/v1/jobs/{job_id}/history?series={series}").json()["series"] == {}
        for wrong in ("typo", "validation_los", "grad.y", f"{series},typo"):
            response = api.get(f"/v1/jobs/{job_id}/history?series={wrong}")
            assert told(api, response)["code"] == "unknown_series", wrong
            assert response.json()["errors"][0]["pointer"] == "/query/series"
    without = api.post("/v1/jobs", json=LINE).json()["id"]
    for absent in ("learning_rate", "validation_rmse", "gradient_norm.0"):
        assert api.get(f"/v1/jobs/{without}/history?series={absent}").status_code == 422


@pytest.mark.parametrize(
    "spec", [LINE, MOONS, PARABOLA, MOONS | {"stop": {"loss_below": {"value": 1e-9, "of": "train"}}}]
)
def test_what_is_recorded_can_be_asked_for(api: TestClient, bench: Bench, spec: dict[str, Any]) -> None:
    """What a job records was known before it ran: each name is taken while there is no point yet."""
    job_id = api.post("/v1/jobs", json=spec).json()["id"]
    other = api.post("/v1/jobs", json=spec).json()["id"]
    bench.lead()

    for name in api.get(f"/v1/jobs/{job_id}/history").json()["series"]:
        assert api.get(f"/v1/jobs/{other}/history", params={"series": name}).status_code == 200, name


@pytest.mark.parametrize("rest", ["", "/history", "/events", "/weights"])
def test_what_has_not_changed_is_304(api: TestClient, bench: Bench, rest: str) -> None:
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]
    bench.lead()
    path = f"/v1/jobs/{job_id}{rest}"
    tag = api.get(path).headers["ETag"]

    unchanged = api.get(path, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert api.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_options_names_the_methods_of_each_address(shared_api: TestClient) -> None:
    for path, operations in shared_api.get("/openapi.json").json()["paths"].items():
        response = shared_api.options(path.replace("{job_id}", "job_0"))
        assert response.status_code == 204, path
        assert set(response.headers["Allow"].split(", ")) >= {
            *(name.upper() for name in operations),
            "OPTIONS",
        }
    assert shared_api.options("/nothing").status_code == 404
