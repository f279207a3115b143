"""Jobs that no worker could hold are refused when they are sent."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lockstep.core.submission import parse_job, resolve
from lockstep.core.submission.footprint import footprint
from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from tests.service.conftest import NO_BROKER
from tests.service.contract import ContractClient
from tests.service.submissions import CLASSES, KEY, LINE

LIMIT = 16 * 1024**3
WIDE: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 100_000},
            {"type": "relu"},
            {"type": "linear", "in": 100_000, "out": 2},
        ]
    },
    "data": {"generator": "moons", "size": 1_000_000},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam"},
    "batch_size": "full",
    "seed": 1,
}
LONG: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "unflatten", "shape": [12_500, 1]},
            {"type": "multihead_attention", "embed_dim": 1, "num_heads": 1},
            {"type": "flatten"},
            {"type": "linear", "in": 12_500, "out": 1},
        ]
    },
    "data": {"inline": {"x": [[0.5] * 12_500] * 32, "y": [0.0] * 32}},
    "loss": "mse",
    "optimizer": {"type": "sgd"},
    "seed": 1,
}
MANY: dict[str, Any] = WIDE | {
    "model": {
        "layers": [{"type": "linear", "in": 2, "out": 5_000}, {"type": "linear", "in": 5_000, "out": 5_000}]
    },
    "data": {"generator": "moons", "size": 100},
}


@pytest.mark.parametrize("query", ["", "?validate_only=true"])
@pytest.mark.parametrize(("spec", "pointer"), [(WIDE, "/batch_size"), (LONG, "/batch_size")])
def test_activations_count(shared_api: TestClient, spec: dict[str, Any], pointer: str, query: str) -> None:
    response = shared_api.post(f"/v1/jobs{query}", json=spec)

    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    needed = footprint(resolve(parse_job(spec), lambda: 1)).total  # type: ignore[arg-type]  # a training
    assert (error["pointer"], error["code"]) == (pointer, "job_too_large")
    assert needed > LIMIT
    assert f"at most {LIMIT} bytes (LOCKSTEP_MAX_JOB_BYTES), got one of {needed}" in error["message"]


def test_the_remedy_helps(shared_api: TestClient) -> None:
    assert shared_api.post("/v1/jobs?validate_only=true", json=WIDE | {"batch_size": 1000}).status_code == 200


def test_the_limit_is_a_setting_and_optimizers_count(sqlite_url: str) -> None:
    spec = MANY | {"loss": "mse", "data": {"inline": {"x": [[1, 2]] * 3, "y": [[0.0] * 5000] * 3}}}
    plain, adam = (
        footprint(resolve(parse_job(spec | {"optimizer": {"type": kind}}), lambda: 1)).total  # type: ignore[arg-type]
        for kind in ("sgd", "adam")
    )
    assert adam > plain + 2 * 4 * 25_000_000
    settings = Settings(
        database_url=sqlite_url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
        max_job_bytes=(plain + adam) // 2,
    )
    with ContractClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as client:
        statuses = [
            client.post("/v1/jobs?validate_only=true", json=spec | {"optimizer": {"type": kind}}).status_code
            for kind in ("sgd", "adam")
        ]
        assert statuses == [200, 422]
        assert client.post("/v1/jobs", json=LINE).status_code == 201
        assert client.post("/v1/jobs", json=CLASSES).status_code == 201
