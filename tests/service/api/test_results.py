"""History, events, weights, predictions."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load

from lockstep.core.learning.report import Points
from lockstep.service.store.database import Database
from tests.service.submissions import CLASSES, LINE, succeed

LINE_WEIGHTS = {"a": np.array(2.0), "b": np.array(4.0)}
CLASS_WEIGHTS = {
    "0.weight": np.array([[1, 0], [0, 1], [2, 2]], dtype=np.float32),
    "0.bias": np.array([0, 1, 0], dtype=np.float32),
}


def points(steps: list[int], values: list[float]) -> Points:
    return Points(steps=np.array(steps, dtype=np.int64), values=np.array(values))


@pytest.fixture
def line(api: TestClient, store: Database) -> str:
    """A finished job."""
    api.post("/v1/jobs", json=LINE)
    series = {
        "loss": points(list(range(100)), [100.0 - step for step in range(100)]),
        "odd": points([0, 9, 99], [math.nan, math.inf, -math.inf]),
    }
    return succeed(store, LINE_WEIGHTS, series)


def history(api: TestClient, job_id: str, **query: Any) -> dict[str, Any]:
    response = api.get(f"/v1/jobs/{job_id}/history", params=query)
    assert response.status_code == 200, response.text
    series: dict[str, Any] = response.json()["series"]
    return series


def test_a_result_that_is_not_finite_is_told(api: TestClient, line: str) -> None:
    job = api.get(f"/v1/jobs/{line}").json()
    assert (job["status"], job["progress"]["fraction"]) == ("succeeded", 1.0)
    assert job["result"]["loss"] == "NaN"
    assert job["timings"]["run_ms"] >= 0


def test_history_is_every_point(api: TestClient, line: str) -> None:
    series = history(api, line)
    assert series["loss"] == {"steps": list(range(100)), "values": [100.0 - step for step in range(100)]}
    assert series["odd"] == {"steps": [0, 9, 99], "values": ["NaN", "Infinity", "-Infinity"]}


def test_history_by_series_step_and_points(api: TestClient, line: str) -> None:
    assert set(history(api, line, series="loss, value")) == {"loss"}
    assert history(api, line, since_step=97)["loss"] == {"steps": [98, 99], "values": [2.0, 1.0]}
    assert history(api, line, since_step=99) == {}
    assert history(api, line, since_step=-1, series="odd")["odd"]["steps"] == [0, 9, 99]


def test_history_in_buckets(api: TestClient, line: str) -> None:
    series = history(api, line, max_points=10)
    loss = series["loss"]
    assert (len(loss["steps"]), loss["steps"][0], loss["steps"][-1]) == (10, 0, 99)
    assert loss["values"] == [100.0 - step for step in loss["steps"]]
    assert loss["min"] == [91.0 - 10 * i for i in range(10)]
    assert loss["max"] == [100.0 - 10 * i for i in range(10)]
    assert loss["mean"] == pytest.approx([95.5 - 10 * i for i in range(10)])
    assert loss["count"] == [10] * 10
    assert series["odd"] == {"steps": [0, 9, 99], "values": ["NaN", "Infinity", "-Infinity"]}
    odd = history(api, line, max_points=2)["odd"]
    assert odd == {
        "steps": [0, 99],
        "values": ["NaN", "-Infinity"],
        "min": ["NaN", "NaN"],
        "max": ["NaN", "NaN"],
        "mean": ["NaN", "NaN"],
        "count": [1, 2],
    }
    assert history(api, line, max_points=100)["loss"].keys() == {"steps", "values"}
    assert history(api, line, max_points=2, since_step=97)["loss"].keys() == {"steps", "values"}


@pytest.mark.parametrize(
    "query", ["max_points=0", "since_step=-2", "since_step=1e3", "series=", "series=%00", "points=3"]
)
def test_wrong_history_parameters(shared_api: TestClient, query: str) -> None:
    job_id = shared_api.post("/v1/jobs", json=LINE).json()["id"]
    assert shared_api.get(f"/v1/jobs/{job_id}/history?{query}").status_code == 422


def test_events(api: TestClient, line: str) -> None:
    page = api.get(f"/v1/jobs/{line}/events").json()
    assert [event["data"]["status"] for event in page["data"]] == ["queued", "running", "succeeded"]
    assert {event["object"] for event in page["data"]} == {"job.event"}
    first = api.get(f"/v1/jobs/{line}/events?limit=1").json()
    assert (first["has_more"], first["last_id"]) == (True, page["data"][0]["id"])
    rest = api.get(f"/v1/jobs/{line}/events", params={"after": first["last_id"]}).json()
    assert rest["data"] == page["data"][1:]
    assert api.get(f"/v1/jobs/{line}/events?after=x").status_code == 422


def test_weights_of_an_expression(api: TestClient, line: str) -> None:
    assert api.get(f"/v1/jobs/{line}/weights?format=json").json() == {"a": 2.0, "b": 4.0}
    arrays = load(api.get(f"/v1/jobs/{line}/weights?format=safetensors").content)
    assert {name: float(array) for name, array in arrays.items()} == {"a": 2.0, "b": 4.0}
    response = api.get(f"/v1/jobs/{line}/weights")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{line}.npz"'
    with np.load(io.BytesIO(response.content), allow_pickle=False) as file:
        assert sorted(file.files) == ["a", "b"]
        assert file["a"].shape == ()
    assert api.get(f"/v1/jobs/{line}/weights").content == response.content
    assert api.get(f"/v1/jobs/{line}/weights?format=pickle").status_code == 422


def test_names_that_numpy_savez_could_not_write(api: TestClient, store: Database) -> None:
    model = {"expression": "file*x + allow_pickle", "parameters": {"file": 4, "allow_pickle": 1}}
    api.post("/v1/jobs", json=LINE | {"model": model})
    job_id = succeed(store, {"file": np.array(2.0), "allow_pickle": np.array(4.0)})
    with np.load(io.BytesIO(api.get(f"/v1/jobs/{job_id}/weights").content)) as file:
        assert sorted(file.files) == ["allow_pickle", "file"]


def test_predict(api: TestClient, line: str) -> None:
    for x in ([3, 0.5], [[3], [0.5]]):
        response = api.post(f"/v1/jobs/{line}/predict", json={"x": x})
        assert response.status_code == 200, response.text
        assert response.json() == {"y": [10.0, 5.0]}


def test_predict_on_both_databases(any_api: TestClient, database: Database) -> None:
    any_api.post("/v1/jobs", json=LINE)
    job_id = succeed(database, LINE_WEIGHTS)
    assert any_api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]}).json() == {"y": [6.0]}
    assert any_api.get(f"/v1/jobs/{job_id}/weights?format=json").json() == {"a": 2.0, "b": 4.0}


def test_a_classifier_standardizes_and_gives_probabilities_and_labels(
    api: TestClient, store: Database
) -> None:
    assert api.post("/v1/jobs", json=CLASSES).status_code == 201
    job_id = succeed(store, CLASS_WEIGHTS)
    answer = api.post(f"/v1/jobs/{job_id}/predict", json={"x": [[10, 20], [20, 40]]}).json()
    # (10, 20) is the mean of the training rows; (20, 40) is sqrt(3/2) standard deviations above it.
    spread = math.sqrt(1.5)
    expected = np.array([[0, 1, 0], [spread, spread + 1, 4 * spread]])
    assert np.allclose(answer["y"], expected, atol=1e-5)
    assert answer["labels"] == [1, 2]
    assert np.allclose(np.sum(answer["probabilities"], axis=1), 1)


@pytest.mark.parametrize(
    "x",
    [
        [],
        [[1, 2]],
        [[1], 2],
        [["a"]],
        ["1"],
        [None],
        [True],
        [{}],
        [10**400],
        [[[1]]],
        "1",
        None,
    ],
)
def test_inputs_that_do_not_fit_are_422(api: TestClient, line: str, x: object) -> None:
    response = api.post(f"/v1/jobs/{line}/predict", json={"x": x})
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["message"]


def test_infinite_inputs_are_422(api: TestClient, line: str) -> None:
    body, headers = b'{"x": [1e999]}', {"Content-Type": "application/json"}
    assert api.post(f"/v1/jobs/{line}/predict", content=body, headers=headers).status_code == 422


@pytest.mark.parametrize("body", [{}, {"x": [1], "y": [1]}, [], 3])
def test_bodies_that_are_no_inputs_are_422(shared_api: TestClient, body: object) -> None:
    assert shared_api.post("/v1/jobs/job_0/predict", json=body).status_code == 422


def test_no_weights_yet_is_409(shared_api: TestClient) -> None:
    job_id = shared_api.post("/v1/jobs", json=LINE).json()["id"]
    for response in (
        shared_api.get(f"/v1/jobs/{job_id}/weights"),
        shared_api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]}),
    ):
        assert response.status_code == 409
        assert response.json()["errors"][0]["code"] == "result_not_ready"
