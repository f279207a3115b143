"""Models as ONNX files."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx.reference import ReferenceEvaluator

from lockstep.core.model.ops.linear import Linear
from lockstep.core.model.ops.onnx_graph import not_in_onnx
from lockstep.service.store.database import Database
from tests.service.submissions import CLASSES, succeed

WEIGHTS = {
    "0.weight": np.array([[1, 0], [0, 1], [2, 2]], dtype=np.float32),
    "0.bias": np.array([0, 1, 0], dtype=np.float32),
}


@pytest.fixture
def finished(api: TestClient, store: Database) -> str:
    """A classifier whose inputs are standardized."""
    api.post("/v1/jobs", json=CLASSES)
    return succeed(store, WEIGHTS)


def test_the_file_predicts_what_the_service_does(api: TestClient, finished: str) -> None:
    x = [[0.0, 30.0], [20.0, 0.0], [5.0, 7.0]]
    told = api.post(f"/v1/jobs/{finished}/predict", json={"x": x}).json()

    response = api.get(f"/v1/jobs/{finished}/weights?format=onnx")

    assert response.headers["Content-Disposition"] == f'attachment; filename="{finished}.onnx"'
    model = onnx.load_from_string(response.content)
    results = ReferenceEvaluator(model).run(None, {"x": np.array(x, np.float32)})
    y, probabilities, labels = map(np.asarray, results)
    np.testing.assert_allclose(y, told["y"], atol=1e-5)
    np.testing.assert_allclose(probabilities, told["probabilities"], atol=1e-5)
    assert labels.tolist() == told["labels"]


def test_a_layer_without_counterpart_is_refused(
    api: TestClient, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Linear, "onnx", not_in_onnx)

    response = api.get(f"/v1/jobs/{finished}/weights?format=onnx")

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["code"], error["pointer"]) == ("not_exportable", "/query/format")
    assert 'layer "0"' in error["message"]


def test_a_job_that_has_not_succeeded_has_no_model(api: TestClient) -> None:
    job = json.loads(api.post("/v1/jobs", json=CLASSES).content)

    assert api.get(f"/v1/jobs/{job['id']}/weights?format=onnx").status_code == 409
