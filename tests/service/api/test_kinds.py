"""Jobs of the kinds `minimize` and `solve`, from POST to what can be asked of them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load

from tests.core.formulas.searches import PARABOLA, PRODUCT
from tests.service.submissions import LINE
from tests.worker.bench import Bench


def create(api: TestClient, spec: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/v1/jobs", json=spec)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


def test_a_minimum_is_found_and_told(api: TestClient, bench: Bench) -> None:
    job_id = create(api, PARABOLA)["id"]

    bench.lead()

    job = api.get(f"/v1/jobs/{job_id}").json()
    assert (job["kind"], job["status"], job["progress"]["step"]) == ("minimize", "succeeded", 4)
    result = job["result"]
    assert result["parameters"] == {"x": pytest.approx(0.03072)}
    assert (result["steps"], result["stop_reason"], result["loss"]) == (4, "value_below", None)
    assert result["value"] == pytest.approx(0.03072**2)
    series = api.get(f"/v1/jobs/{job_id}/history").json()["series"]
    assert series.keys() == {"value", "x", "grad.x"}
    assert series["x"]["steps"] == [0, 1, 2, 3, 4]
    assert series["x"]["values"] == pytest.approx([1.2, 0.48, 0.192, 0.0768, 0.03072])
    only = api.get(f"/v1/jobs/{job_id}/history", params={"series": "grad.x", "since_step": 3}).json()
    assert only["series"] == {"grad.x": {"steps": [4], "values": [series["grad.x"]["values"][4]]}}


def test_a_value_is_reached_and_told(api: TestClient, bench: Bench) -> None:
    job_id = create(api, PRODUCT)["id"]

    bench.lead()

    result = api.get(f"/v1/jobs/{job_id}").json()["result"]
    assert result["parameters"] == {"w": 3.0, "b": pytest.approx(3.805938375)}
    assert (result["steps"], result["stop_reason"]) == (2, "tolerance")
    history = api.get(f"/v1/jobs/{job_id}/history", params={"series": "value"}).json()
    assert history["series"]["value"]["values"] == pytest.approx([162, 150.217687, 150.000077])


def test_weights_are_the_numbers_and_there_is_no_model(api: TestClient, bench: Bench) -> None:
    job_id = create(api, PRODUCT)["id"]
    early = api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]})

    bench.lead()

    arrays = load(api.get(f"/v1/jobs/{job_id}/weights?format=safetensors").content)
    assert {name: array.shape for name, array in arrays.items()} == {"w": (), "b": ()}
    assert api.get(f"/v1/jobs/{job_id}/weights?format=json").json()["w"] == 3.0
    late = api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]})
    onnx = api.get(f"/v1/jobs/{job_id}/weights?format=onnx")
    for response in (early, late, onnx):
        assert response.status_code == 409
        assert response.json()["errors"][0]["code"] == "no_model"
        assert "result.parameters" in response.json()["detail"]


def test_jobs_are_listed_by_kind(api: TestClient) -> None:
    ids = {spec.get("kind", "train"): create(api, spec)["id"] for spec in (PARABOLA, PRODUCT, LINE)}

    for kind, job_id in ids.items():
        page = api.get("/v1/jobs", params={"kind": kind}).json()
        assert [(job["id"], job["kind"]) for job in page["data"]] == [(job_id, kind)]
    assert api.get("/v1/jobs", params={"kind": "maximize"}).status_code == 422


@pytest.mark.parametrize("spec", [PARABOLA, PRODUCT])
def test_the_spec_is_told_with_its_defaults_and_can_be_posted_again(
    shared_api: TestClient, spec: dict[str, Any]
) -> None:
    told = create(shared_api, spec)["spec"]

    assert (told["kind"], told["steps"], told["dtype"], told["workers"]) == (spec["kind"], 1000, "float64", 1)
    assert create(shared_api, told)["spec"] == told


def test_a_spec_can_be_checked_alone(shared_api: TestClient) -> None:
    before = shared_api.get("/v1/jobs").json()["first_id"]

    answer = shared_api.post("/v1/jobs?validate_only=true", json=PRODUCT).json()

    assert (answer["valid"], answer["steps"]) == (True, 1000)
    assert answer["spec"]["solve_for"] == ["b"]
    assert "seed" not in answer["spec"]
    assert shared_api.get("/v1/jobs").json()["first_id"] == before


def test_a_wrong_spec_is_422_with_pointers(shared_api: TestClient) -> None:
    response = shared_api.post("/v1/jobs", json=PARABOLA | {"objective": "x + exec(y)", "workers": 2})

    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [
        ("/objective", "bad_expression"),
        ("/workers", "too_many_workers"),
    ]
