"""A spec in parts, and whole again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from lockstep.core.submission import parse_job, resolve
from lockstep.service.store import specs
from lockstep.service.store.database import Database
from lockstep.service.store.specs import MAX_INLINE_IN_ROW, take_apart
from tests.specs import LINE
from tests.stored_jobs import NEW, keep_spec, queue_job, without_bulk

ROWS = {"x": [[1.5, 2], [3, 4]], "y": [6, 8]}
MANY = {"x": [0.1] * MAX_INLINE_IN_ROW, "y": [1] * MAX_INLINE_IN_ROW}
LINEAR = {"type": "linear", "in": 10, "out": 1}
WEIGHTS = {"0.weight": [[1e-300, 2]], "0.bias": [3]}


@pytest.mark.parametrize(
    ("spec", "bulk"),
    [
        ({"model": {"layers": [], "initial_weights": None}, "data": {"builtin": "iris"}}, False),
        ({"kind": "minimize", "objective": "x**2"}, False),
        ({"data": {"inline": ROWS}, "model": {"expression": "a*x"}}, True),
        (
            {
                "data": {"inline": ROWS, "standardize": True},
                "model": {"initial_weights": WEIGHTS},
                "epochs": 3,
            },
            True,
        ),
        ({"model": {"layers": [1], "initial_weights": WEIGHTS}, "data": {"builtin": "iris"}}, True),
        ({"name": 'a "null"\nname', "data": {"inline": MANY}, "model": {"initial_weights": WEIGHTS}}, True),
    ],
    ids=["nothing", "another kind", "data", "data and weights", "weights", "large"],
)
def test_a_spec_comes_back_whole(database: Database, spec: dict[str, object], bulk: bool) -> None:
    stored = keep_spec(database, json.dumps(spec))
    sha256 = hashlib.sha256(stored.held.encode()).hexdigest()
    job_id = queue_job(database, replace(NEW, spec=stored, spec_sha256=sha256)).id
    with database.read() as tx:
        whole = specs.load(tx, job_id).spec_json

    assert json.loads(whole) == spec
    assert list(json.loads(whole)) == list(spec)
    assert (stored.inline_json is not None or stored.inline_sha256 is not None) == bulk
    assert len(stored.spec_json) < 200


SPECS: dict[str, dict[str, object]] = {
    "a formula": {"kind": "solve", "expression": "x**2", "start": {"x": 1}, "target": 4},
    "no bulk": LINE | {"data": {"builtin": "diabetes"}, "model": {"layers": [LINEAR]}},
    "data": LINE,
    "data and weights": LINE
    | {"model": {"layers": [LINEAR | {"in": 1}], "initial_weights": {"0.bias": [3]}}},
    "a blob": LINE | {"data": {"inline": MANY}, "name": 'a "null" name'},
}


@pytest.mark.parametrize("raw", SPECS.values(), ids=SPECS.keys())
def test_a_spec_is_taken_apart_without_a_look_at_its_json(raw: dict[str, object]) -> None:
    spec = resolve(parse_job(raw), lambda: 7)
    whole = spec.model_dump_json(exclude_none=True)
    expected, bulk = without_bulk(whole)

    parts = take_apart(spec)

    stored = parts.stored
    assert parts.sha256 == hashlib.sha256(whole.encode()).hexdigest()
    assert json.loads(stored.spec_json) == expected
    text = stored.inline_json if parts.blob is None else parts.blob.decode()
    assert (text is None) == (bulk == [None, None])
    assert [json.loads(line) for line in (text or "null\nnull").split("\n")] == bulk
    assert stored.held == (whole if parts.blob is None else stored.spec_json)


def test_a_large_bulk_is_a_blob() -> None:
    parts = take_apart(resolve(parse_job(SPECS["a blob"]), lambda: 7))

    stored = parts.stored
    assert parts.blob is not None
    assert stored.inline_sha256 == hashlib.sha256(parts.blob).hexdigest()
    assert stored.inline_json is None
