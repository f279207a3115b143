"""Weights never leave without what is done to their inputs first: a crossing of data and formats."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors import safe_open
from sqlalchemy import update

from lockstep.service.commands.weights import preprocessing_in
from lockstep.service.store.database import Database
from lockstep.service.store.tables import jobs as jobs_table
from tests.worker.bench import Bench

ROOT = Path(__file__).parents[3]
IRIS: dict[str, Any] = {
    "model": {"layers": [{"type": "linear", "in": 4, "out": 3}]},
    "data": {"builtin": "iris", "standardize": True},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "epochs": 30,
    "seed": 3,
    "dtype": "float64",
}
NAMES = ["setosa", "versicolor", "virginica"]
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 2.2, 4.0, 1.0], [6.3, 3.3, 6.0, 2.5]])
WIDE = {"inline": {"x": [[*range(600)], [*range(1, 601)]], "y": [0, 1]}, "standardize": True}
KINDS: dict[str, tuple[dict[str, Any], bool, list[str] | None]] = {
    "standardized, with names": (IRIS, True, NAMES),
    "as it is, with names": (IRIS | {"data": {"builtin": "iris"}}, False, NAMES),
    "standardized, without names": (
        IRIS
        | {"data": {"generator": "moons", "size": 50, "standardize": True}}
        | {"model": {"layers": [{"type": "linear", "in": 2, "out": 2}]}},
        True,
        None,
    ),
    "as it is, without names": (
        IRIS
        | {"data": {"generator": "moons", "size": 50}}
        | {"model": {"layers": [{"type": "linear", "in": 2, "out": 2}]}},
        False,
        None,
    ),
}


def trained(api: TestClient, bench: Bench, spec: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/v1/jobs", json=spec)
    assert response.status_code == 201, response.text
    job = bench.lead()
    assert job.status == "succeeded", job.error
    told: dict[str, Any] = api.get(f"/v1/jobs/{job.id}").json()
    return told


def download(api: TestClient, job_id: str, wanted: str = "safetensors") -> bytes:
    return api.get(f"/v1/jobs/{job_id}/weights?format={wanted}").content


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_and_the_file_tell_it(api: TestClient, bench: Bench, kind: str) -> None:
    spec, standardizes, names = KINDS[kind]

    job = trained(api, bench, spec)

    told = job["result"]["preprocessing"]
    assert preprocessing_in(download(api, job["id"])) == told
    assert (told is None) == (not standardizes and names is None)
    if told is not None:
        assert told["class_names"] == names
        assert (told["mean"] is not None, told["scale"] is not None) == (standardizes, standardizes)


def test_npz_and_safetensors_hold_parameters_and_buffers_only(
    api: TestClient, bench: Bench, tmp_path: Path
) -> None:
    job_id = trained(api, bench, IRIS)["id"]
    (tmp_path / "w.safetensors").write_bytes(download(api, job_id))

    with safe_open(tmp_path / "w.safetensors", "np") as file:
        assert set(file.keys()) == {"0.weight", "0.bias"}
        assert list(file.metadata()) == ["preprocessing"]
    with np.load(io.BytesIO(download(api, job_id, "npz"))) as arrays:
        assert set(arrays.files) == {"0.weight", "0.bias"}


def test_the_lines_of_the_document_make_of_raw_rows_what_predict_does(
    api: TestClient, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = trained(api, bench, IRIS)["id"]
    (tmp_path / "model.safetensors").write_bytes(download(api, job_id))
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "interchange.md").read_text()
    (lines,) = re.findall(r"(?m)^    preprocessing = .*\n    x = .*\n    names = .*$", text)

    answer = api.post(f"/v1/jobs/{job_id}/predict", json={"x": ROWS.tolist()}).json()

    with safe_open("model.safetensors", "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    found = _run(lines, {"x": ROWS, "np": np, "json": json, "safe_open": safe_open})
    outputs = found["x"] @ weights["0.weight"].T + weights["0.bias"]
    assert np.allclose(outputs, answer["y"], rtol=0, atol=1e-12)
    assert [found["names"][number] for number in outputs.argmax(axis=1)] == answer["label_names"]
    assert answer["label_names"] == [NAMES[number] for number in answer["labels"]]


def _run(lines: str, names: dict[str, Any]) -> dict[str, Any]:
    """The lines of the document, run."""
    exec(re.sub(r"(?m)^    ", "", lines), names)  # noqa: S102 - it is ours
    return names


def test_beyond_a_thousand_numbers_only_the_file_tells_it(api: TestClient, bench: Bench) -> None:
    spec = IRIS | {"data": WIDE, "model": {"layers": [{"type": "linear", "in": 600, "out": 2}]}, "epochs": 1}

    job = trained(api, bench, spec)

    assert job["result"]["preprocessing"] is None
    told = preprocessing_in(download(api, job["id"]))
    assert isinstance(told, dict)
    assert told["mean"] == [number + 0.5 for number in range(600)]


def test_a_job_of_the_version_before_has_it_at_download(
    api: TestClient, bench: Bench, store: Database
) -> None:
    job = trained(api, bench, IRIS)
    old = {key: value for key, value in job["result"].items() if key != "preprocessing"}
    with store.write() as tx:
        tx.execute(update(jobs_table).values(result_json=json.dumps(old)))

    assert "preprocessing" not in api.get(f"/v1/jobs/{job['id']}").json()["result"]
    assert preprocessing_in(download(api, job["id"])) == job["result"]["preprocessing"]


def test_a_search_prepares_nothing(api: TestClient, bench: Bench) -> None:
    spec = {"kind": "minimize", "objective": "x**2", "start": {"x": 1}, "optimizer": {"type": "sgd"}}

    job = trained(api, bench, spec)

    assert job["result"]["preprocessing"] is None
    assert preprocessing_in(download(api, job["id"])) is None
