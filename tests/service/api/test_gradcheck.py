"""The gradient check's answers: what has passed, and pointers that lead to a place in the body sent."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

import lockstep.service.api.gradcheck
from tests.service.submissions import CLASSES, LINE
from tests.specs import REMOVED, changed

CHECK = "/v1/jobs?validate_only=true&gradcheck=true"
EMBEDDING = [
    {"type": "embedding", "num_embeddings": 5, "embedding_dim": 2},
    {"type": "flatten"},
    {"type": "linear", "in": 128, "out": 10},
]
HUGE = [[1e200, 1], [-1e200, 2], [1e200, 3]]
MOONS = {
    **CLASSES,
    "data": {"generator": "moons", "noise": 0.0},
    "model": {"layers": [{"type": "linear", "in": 2, "out": 2}]},
}
DIGITS = {**CLASSES, "data": {"builtin": "digits"}, "model": {"layers": EMBEDDING}}
SEARCHES: dict[str, dict[str, Any]] = {
    "minimize": {"kind": "minimize", "objective": "x**2", "start": {"x": 1}, "optimizer": {"type": "adam"}},
    "solve": {"kind": "solve", "expression": "x**2", "start": {"x": 1}, "target": 2},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "inputs that can't be squared": (
        changed(CLASSES, data__inline__x=HUGE, dtype="float64"),
        "/data/inline/x",
    ),
    "tokens that are none": (DIGITS, "/data/builtin"),
    "a search": (SEARCHES["minimize"], "/kind"),
    "another search": (SEARCHES["solve"], "/kind"),
    "a formula": (changed(LINE, model__expression="a*x +* b"), "/model/expression"),
    "a formula behind it": (changed(LINE, model__expression="a*x +* b", loss="mes"), "/loss"),
    "a name with signs": (changed(LINE, model__parameters={"a": 4, "b": 1, "c": 2}), "/model/parameters/c"),
    "an unknown key": (LINE | {"a/b~c": 1}, "/a~1b~0c"),
    "a layer in a layer": (
        changed(CLASSES, model={"layers": [[{"type": "linear", "in": 3, "out": 3}]]}),
        "/model/layers/0/0/in",
    ),
    "a target": (changed(CLASSES, data__inline__y=[0, 1.5, 2]), "/data/inline/y/1"),
    "an input": (changed(CLASSES, data__inline__x=[[0, 0], [1, "2"], [2, 4]]), "/data/inline/x/1/1"),
    "a fraction": (
        changed(
            CLASSES,
            data__inline__y=[0, 0, 2],
            loss={"type": "cross_entropy", "ignore_index": 0},
            data__validation_fraction=0.3,
            seed=1,
        ),
        "/data/validation_fraction",
    ),
}


def resolved(pointer: str, body: Any) -> Any:
    """What a pointer leads to, after RFC 6901. Raises LookupError."""
    value = body
    for part in pointer.split("/")[1:] if pointer else []:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


@pytest.mark.parametrize("name", REFUSED)
def test_each_pointer_leads_to_a_place_in_the_body(name: str, shared_api: TestClient) -> None:
    body, pointer = REFUSED[name]
    response = shared_api.post(CHECK, json=body)

    assert response.status_code == 422, response.text
    pointers = [each["pointer"] for each in response.json()["errors"]]
    assert pointer in pointers
    for each in pointers:
        resolved(each, body)


def test_a_missing_key_points_at_where_it_belongs(shared_api: TestClient) -> None:
    body = changed(LINE, optimizer=REMOVED)
    (error,) = shared_api.post(CHECK, json=body).json()["errors"]

    assert (error["pointer"], error["code"]) == ("/optimizer", "missing")
    assert resolved(error["pointer"].rpartition("/")[0], body) == body


@pytest.mark.parametrize("body", [LINE, CLASSES, MOONS], ids=["inline", "classes", "generated"])
def test_what_was_checked_has_passed(body: dict[str, Any], shared_api: TestClient) -> None:
    check = shared_api.post(CHECK, json=body).json()["gradient_check"]

    assert (check["passed"], check["complete"]) == (True, True)
    assert all(each["checked"] and each["passed"] for each in check["parameters"])


def test_what_time_left_out_has_not(shared_api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep.service.api.gradcheck, "MAX_SECONDS", 0.0)

    check = shared_api.post(CHECK, json=CLASSES).json()["gradient_check"]

    assert (check["passed"], check["complete"]) == (False, False)
    assert [(each["checked"], each["passed"]) for each in check["parameters"]] == [(1, True), (0, False)]


@pytest.mark.parametrize("formula", ["relu(a) + x", "abs(a)*x + x"])
def test_where_all_lies_at_a_kink_nothing_was_compared(shared_api: TestClient, formula: str) -> None:
    raw = changed(LINE, model={"expression": formula, "parameters": {"a": 0}})

    check = shared_api.post(CHECK, json=raw).json()["gradient_check"]

    [parameter] = check["parameters"]
    assert (parameter["at_kinks"], parameter["worst"]) == (parameter["checked"], None)
    assert not parameter["passed"]
    assert not check["passed"]
