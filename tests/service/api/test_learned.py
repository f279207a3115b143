"""What a job has learned stays, however it ended: each kind of job, each way to end before its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load

from lockstep.core.formulas.search import Search
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.training import Training
from lockstep.core.run import prepare
from lockstep.core.spec import read_resolved
from lockstep.service.store import evictions
from lockstep.service.store.job_conditions import MAX_EVICTIONS
from tests.core.formulas.searches import PARABOLA, PRODUCT
from tests.worker.bench import LINE, MOONS, Bench

NORMED: dict[str, Any] = MOONS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 8},
            {"type": "batch_norm_1d", "num_features": 8},
            {"type": "linear", "in": 8, "out": 2},
        ]
    },
    "data": MOONS["data"] | {"standardize": True},
}
ENDLESS = 1_000_000
LONG: dict[str, dict[str, Any]] = {
    "layers": MOONS | {"epochs": 100_000},
    "layers with buffers": NORMED | {"epochs": 100_000},
    "expression": LINE | {"epochs": ENDLESS},
    "minimize": PARABOLA
    | {"steps": ENDLESS, "stop": {}, "optimizer": {"type": "sgd", "learning_rate": 1e-4}},
    "solve": PRODUCT | {"steps": ENDLESS, "tolerance": 1e-300, "refresh_gradient": False},
}
TRAINED = ("layers", "layers with buffers", "expression")


def submit(api: TestClient, spec: dict[str, Any]) -> str:
    response = api.post("/v1/jobs", json=spec)
    assert response.status_code == 201, response.text
    job_id: str = response.json()["id"]
    return job_id


def at_look(number: int, what: Callable[[], object]) -> Callable[[], bool]:
    """For `draining`: does something at the given look and goes on."""
    looks = iter(range(1, ENDLESS))

    def look() -> bool:
        if next(looks) == number:
            what()
        time.sleep(0.01)
        return False

    return look


def cancelled(bench: Bench, api: TestClient, job_id: str) -> None:
    """Cancelled by its user while it runs."""
    bench.lead(draining=at_look(3, lambda: api.post(f"/v1/jobs/{job_id}/cancel")))
    assert bench.job(job_id).status == "cancelled"


def cancelled_and_lost(bench: Bench, api: TestClient, job_id: str) -> None:
    """Drained once, then cancelled under a worker that dies."""
    looks = iter((False, False, True))
    bench.lead(draining=lambda: next(looks))
    lease = bench.claim()
    api.post(f"/v1/jobs/{job_id}/cancel")
    with bench.database.write() as tx:
        evictions.evict_process(tx, lease.claim.worker.worker_id, lease.claim.worker.pid)
    assert bench.job(job_id).status == "cancelled"


def failed(bench: Bench, api: TestClient, job_id: str) -> None:
    """Given up after its worker was lost three times."""
    del api
    looks = iter((False, False, True))
    bench.lead(draining=lambda: next(looks))
    for _ in range(MAX_EVICTIONS):
        bench.claim()
        bench.evict()
    assert bench.job(job_id).status == "failed"


ENDINGS = (cancelled, cancelled_and_lost, failed)


def after(bench: Bench, job_id: str, steps: int) -> dict[str, np.ndarray]:
    """The job's weights after so many steps, trained here from the start."""
    job = bench.job(job_id)
    run = prepare(read_resolved(job.kind, job.spec_json)).start(SoloGroup(), None, None)
    if steps:
        run.advance(steps)
    assert isinstance(run, Training | Search)
    return run.parameters.export() if isinstance(run, Training) else run.formula.all_numbers()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", LONG)
def test_the_last_checkpoint_can_be_downloaded(
    api: TestClient, bench: Bench, kind: str, ending: Callable[[Bench, TestClient, str], None]
) -> None:
    job_id = submit(api, LONG[kind])

    ending(bench, api, job_id)

    response = api.get(f"/v1/jobs/{job_id}/weights?format=safetensors")
    assert response.status_code == 200, response.text
    step = int(response.headers["X-Lockstep-Step"])
    assert 0 < step <= bench.job(job_id).step
    if ending is cancelled:
        assert step == bench.job(job_id).step
    arrays, expected = load(response.content), after(bench, job_id, step)
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", TRAINED)
def test_another_job_starts_from_it_and_it_predicts(
    api: TestClient, bench: Bench, kind: str, ending: Callable[[Bench, TestClient, str], None]
) -> None:
    job_id = submit(api, LONG[kind])
    ending(bench, api, job_id)
    step = api.get(f"/v1/jobs/{job_id}/weights").headers["X-Lockstep-Step"]

    second = submit(api, LONG[kind] | {"epochs": 1, "start_from": job_id})
    row = [0.5, 1.0] if kind != "expression" else [0.5]
    answer = api.post(f"/v1/jobs/{job_id}/predict", json={"x": [row]})

    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Lockstep-Step"] == step
    assert api.get(f"/v1/jobs/{job_id}/weights?format=onnx").headers["X-Lockstep-Step"] == step
    while bench.job(second).status == "queued":
        bench.lead()
    assert bench.job(second).status == "succeeded"


def test_a_job_that_begins_with_it_begins_with_these_bits(api: TestClient, bench: Bench) -> None:
    """Plain sgd has no memory but the weights: what is left is the rest of the whole."""
    plain = MOONS | {"optimizer": {"type": "sgd", "learning_rate": 0.1}, "batch_size": "full"}
    first = submit(api, plain | {"epochs": 100_000})
    bench.lead(draining=at_look(2, lambda: api.post(f"/v1/jobs/{first}/cancel")))
    step = int(api.get(f"/v1/jobs/{first}/weights").headers["X-Lockstep-Step"])
    rest = submit(api, plain | {"start_from": first, "epochs": 1})
    same = submit(api, plain | {"epochs": step + 1})
    bench.lead()
    bench.lead()

    digests = [api.get(f"/v1/jobs/{job}").json()["result"]["weights_sha256"] for job in (rest, same)]
    assert digests[0] == digests[1]


def test_a_job_that_diverged_keeps_the_weights_before_the_step_that_failed(
    api: TestClient, bench: Bench
) -> None:
    job_id = submit(api, LINE | {"optimizer": {"type": "sgd", "learning_rate": 10}})

    job = bench.lead()

    assert job.status == "failed"
    response = api.get(f"/v1/jobs/{job_id}/weights?format=safetensors")
    step = int(response.headers["X-Lockstep-Step"])
    assert all(np.isfinite(array).all() for array in load(response.content).values())
    for name, array in after(bench, job_id, step).items():
        np.testing.assert_array_equal(load(response.content)[name], array)


def test_where_nothing_was_kept_it_is_409(api: TestClient, bench: Bench) -> None:
    waiting = submit(api, LINE)
    api.post(f"/v1/jobs/{waiting}/cancel")
    running = submit(api, LINE)
    bench.claim()

    for job_id, code in ((waiting, "no_weights"), (running, "result_not_ready")):
        for response in (
            api.get(f"/v1/jobs/{job_id}/weights"),
            api.post(f"/v1/jobs/{job_id}/predict", json={"x": [1]}),
            api.post("/v1/jobs", json=LINE | {"start_from": job_id}),
        ):
            assert response.status_code == 409
            assert [error["code"] for error in response.json()["errors"]] == [code]


def test_a_result_tells_no_step(api: TestClient, bench: Bench) -> None:
    job_id = submit(api, LINE)
    bench.lead()

    assert "X-Lockstep-Step" not in api.get(f"/v1/jobs/{job_id}/weights").headers


def test_weights_have_an_etag(api: TestClient, bench: Bench) -> None:
    job_id = submit(api, LINE)
    bench.lead()
    for wanted in ("npz", "safetensors", "json", "onnx"):
        path = f"/v1/jobs/{job_id}/weights?format={wanted}"
        tag = api.get(path).headers["ETag"]
        assert api.get(path, headers={"If-None-Match": tag}).status_code == 304
