"""Every address asked about jobs of every kind and shape; what answers come is held against the document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, get_args

import httpx2
import pytest
from fastapi.testclient import TestClient

from lockstep.service.api.explain import GraphFormat
from lockstep.service.api.weights_file import Format
from lockstep.service.store import replays
from lockstep.service.store.replays import Asked, Question
from lockstep.worker.replaying import answer_replay
from tests.core.formulas.searches import PARABOLA, PRODUCT
from tests.service.contract import described
from tests.service.submissions import CLASSES, LINE
from tests.worker.bench import Bench, never

Spec = dict[str, Any]
SGD: Spec = {"type": "sgd", "learning_rate": 0.01}


def layered(layers: list[Spec], x: list[list[int]], y: list[Any], loss: str) -> Spec:
    return {
        "model": {"layers": layers},
        "data": {"inline": {"x": x, "y": y}},
        "loss": loss,
        "optimizer": SGD,
        "epochs": 2,
        "seed": 1,
    }


FOUR = [[0, 1, 2, 3], [3, 2, 1, 0]]
SIXTEEN = [[*range(16)], [*range(16)]]
TWO_BY_TWO: Spec = {"type": "unflatten", "shape": [2, 2]}
FOUR_AXES: Spec = {"type": "unflatten", "shape": [2, 2, 2, 2]}
EMBEDDING: Spec = {"type": "embedding", "num_embeddings": 16, "embedding_dim": 2}
LINEAR: Spec = {"type": "linear", "in": 2, "out": 3}
JOBS: dict[str, tuple[Spec, list[Any]]] = {
    "expression": (LINE | {"epochs": 2}, [1, 2]),
    "classes with a scale": (CLASSES | {"epochs": 2}, [[1, 2]]),
    "two classes": (
        layered([{"type": "linear", "in": 4, "out": 1}], FOUR, [0, 1], "binary_cross_entropy"),
        FOUR,
    ),
    "classes with names": (
        layered([{"type": "linear", "in": 4, "out": 3}], FOUR, [0, 1], "cross_entropy")
        | {"data": {"builtin": "iris", "test_fraction": 0.2, "standardize": True}},
        FOUR,
    ),
    "a sequence of classes": (
        layered([TWO_BY_TWO, LINEAR], FOUR, [[0, 1], [2, 0]], "cross_entropy"),
        [[[0, 1], [2, 3]]],
    ),
    "a sequence of values": (layered([TWO_BY_TWO, LINEAR], FOUR, [[1] * 6] * 2, "mse"), FOUR),
    "an image": (
        layered(
            [
                {"type": "unflatten", "shape": [1, 2, 2]},
                {"type": "conv2d", "in": 1, "out": 2, "kernel_size": 1},
            ],
            FOUR,
            [[1] * 8] * 2,
            "mse",
        ),
        [[[[0, 1], [2, 3]]]],
    ),
    "as deep as it goes": (
        layered([FOUR_AXES, EMBEDDING, LINEAR], SIXTEEN, [[0, 1] * 8] * 2, "multi_margin"),
        SIXTEEN,
    ),
    "minimize": (PARABOLA | {"steps": 3}, []),
    "solve": (PRODUCT | {"steps": 3}, []),
}


def answered(bench: Bench, job_id: str) -> None:
    """Have both questions about the job's first step answered."""
    for question in get_args(Question):
        with bench.database.write() as tx:
            replays.ask(tx, Asked(job_id=job_id, question=question, step=0))
        assert answer_replay(bench.question(), bench.tools(), never)


def requests(job_id: str, waiting: str, spec: Spec, x: list[Any]) -> Iterator[tuple[str, str, Any]]:
    """Method, address and body of what can be asked of a service in which one job is over and one waits."""
    job = f"/v1/jobs/{job_id}"
    for verb in ("pause", "resume", "cancel"):
        yield "POST", f"/v1/jobs/{waiting}/{verb}", None
    yield "POST", "/v1/jobs?validate_only=true", spec
    for path in ("/v1/jobs", "/v1/workers", "/v1/queue", "/healthz", "/readyz", "/metrics"):
        yield "GET", path, None
    for rest in ("", "/spec", "/history", "/history?max_points=2", "/events", "/checkpoints"):
        yield "GET", f"{job}{rest}", None
    yield "GET", f"{job}/members", None
    yield "GET", f"{job}/gradients?step=0", None
    yield "GET", f"{job}/walk?step=0", None
    yield "POST", f"{job}/clone", {"metadata": {"k": "v"}}
    yield "PATCH", job, {"priority": 3, "name": "another", "metadata": {"k": "v"}}
    yield "POST", f"{job}/verify", {"workers": 1}
    for format, step in itertools.product(get_args(GraphFormat), ("", "&step=0")):
        yield "GET", f"{job}/graph?format={format}{step}", None
    is_model = "kind" not in spec
    for format in get_args(Format):
        if is_model or format != "onnx":
            yield "GET", f"{job}/weights?format={format}", None
    if is_model:
        yield "POST", "/v1/jobs?validate_only=true&gradcheck=true", spec
        yield "POST", f"{job}/predict", {"x": x}
    yield "DELETE", job, None


@pytest.mark.parametrize("name", JOBS)
def test_every_address_answers_as_described(api: TestClient, bench: Bench, name: str) -> None:
    spec, x = JOBS[name]
    job_id = api.post("/v1/jobs", json=spec).json()["id"]
    assert bench.lead().status == "succeeded"
    answered(bench, job_id)

    waiting = api.post("/v1/jobs", json=spec).json()["id"]
    asked = set()
    for method, path, body in requests(job_id, waiting, spec, x):
        response = api.request(method, path, json=body)
        made = path.endswith(("/verify", "/clone"))
        assert response.status_code == (201 if made else 200), (path, response.text)
        asked.add(described().operation_of(path.partition("?")[0], method))

    assert described().operations - asked == ({"predict"} if "kind" in spec else set())


WRONG: dict[str, tuple[int, str, str]] = {
    "another status": (418, "application/json", '{"status":"ok"}'),
    "another media type": (200, "text/plain", '{"status":"ok"}'),
    "another value": (200, "application/json", '{"status":"fine"}'),
    "a key too few": (200, "application/json", "{}"),
    "a key too many": (200, "application/json", '{"status":"ok","more":1}'),
    "no JSON": (200, "application/json", '{"status":NaN}'),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_is_not_described_is_found(name: str) -> None:
    status, media_type, body = WRONG[name]
    response = httpx2.Response(
        status,
        headers={"Content-Type": media_type},
        text=body,
        request=httpx2.Request("GET", "http://testserver/healthz"),
    )
    with pytest.raises(AssertionError):
        described().check(response, "/healthz")
    sound = httpx2.Response(200, json={"status": "ok"}, request=response.request)
    described().check(sound, "/healthz")
