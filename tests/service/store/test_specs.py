"""A spec in parts, and whole again."""

from __future__ import annotations

import hashlib
import json

import pytest

from lockstep.service.store.database import Database
from lockstep.service.store.specs import MAX_INLINE_IN_ROW, put_together, take_apart
from tests.stored_jobs import keep_spec

ROWS = {"x": [[1.5, 2], [3, 4]], "y": [6, 8]}
MANY = {"x": [0.1] * MAX_INLINE_IN_ROW, "y": [1] * MAX_INLINE_IN_ROW}
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
    with database.read() as tx:
        whole = put_together(tx, stored)

    assert json.loads(whole) == spec
    assert list(json.loads(whole)) == list(spec)
    assert (stored.inline_json is not None or stored.inline_sha256 is not None) == bulk
    assert len(stored.spec_json) < 200


def test_a_large_bulk_is_a_blob() -> None:
    parts = take_apart(json.dumps({"data": {"inline": MANY}}))

    stored = parts.stored
    assert parts.blob is not None
    assert stored.inline_sha256 == hashlib.sha256(parts.blob).hexdigest()
    assert stored.inline_json is None
    assert stored.inline_sha256 is not None
