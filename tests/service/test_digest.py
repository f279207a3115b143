"""The recipe of the digest, as the example has it, on downloads of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from tests.core.formulas.searches import PARABOLA
from tests.worker.bench import LINE, MOONS, Bench

ROOT = Path(__file__).parents[2]
NORMED: dict[str, Any] = MOONS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 12},
            {"type": "batch_norm_1d", "num_features": 12},
            *({"type": "linear", "in": 12, "out": 12} for _ in range(10)),
            {"type": "linear", "in": 12, "out": 2},
        ]
    },
    "epochs": 1,
}


@pytest.mark.parametrize("spec", [LINE, MOONS | {"epochs": 1}, NORMED, PARABOLA])
def test_the_example_finds_the_digest_of_a_download(
    api: TestClient,
    store: Database,
    tmp_path: Path,
    spec: dict[str, Any],
) -> None:
    job_id = api.post("/v1/jobs", json=spec).json()["id"]
    Bench(database=store, settings=Settings(database_url="sqlite:///unused")).lead()
    file = tmp_path / "model.safetensors"
    file.write_bytes(api.get(f"/v1/jobs/{job_id}/weights?format=safetensors").content)

    done = subprocess.run(
        [sys.executable, "examples/digest.py", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == api.get(f"/v1/jobs/{job_id}").json()["result"]["weights_sha256"]
