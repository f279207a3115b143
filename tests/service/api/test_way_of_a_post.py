"""From POST to the answer nothing is parsed but the body, and nothing is read that was just written."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from lockstep.core.ground.fields import SpecModel
from lockstep.service.store.specs import MAX_INLINE_IN_ROW
from lockstep.service.store.tables import api_keys
from tests.service.submissions import LINE

LARGE = [1 / 3] * (MAX_INLINE_IN_ROW // 20)
DIABETES = {"model": {"layers": [{"type": "linear", "in": 10, "out": 1}]}, "data": {"builtin": "diabetes"}}
BODIES: dict[str, dict[str, Any]] = {
    "no data": LINE | DIABETES,
    "data in the row": LINE | {"metadata": {"team": "a"}},
    "a blob": LINE | {"data": {"inline": {"x": LARGE, "y": LARGE}}},
}
POSTED = {
    "no data": {"parsed": 1, "dumped": 1, "read": 0},
    # The whole for its hash, the bulk, and the rest.
    "data in the row": {"parsed": 1, "dumped": 3, "read": 0},
    # Whether there is such a blob.
    "a blob": {"parsed": 1, "dumped": 3, "read": 1},
}
READ = {
    # The spec, the metadata, a transition; read are the job and its transitions.
    "no data": {"parsed": 3, "read": 2},
    # Two lines of bulk, too.
    "data in the row": {"parsed": 5, "read": 2},
    "a blob": {"parsed": 3, "read": 2},
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the texts that the service parses, the specs that it dumps, and its SELECTs."""
    counts: Counter[str] = Counter()
    loads, dumped, execute = json.loads, SpecModel.model_dump_json, sa.Connection.execute

    def count_load(text: str, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals["__name__"]
        counts["parsed"] += caller.startswith("lockstep.")  # the client parses what it gets
        return loads(text, **options)

    def count_dump(self: SpecModel, **options: Any) -> str:
        counts["dumped"] += 1
        return dumped(self, **options)

    def count_statement(self: sa.Connection, statement: Any, *given: Any, **options: Any) -> Any:
        answers = threading.current_thread().name.startswith("AnyIO")  # others look after jobs
        if answers and isinstance(statement, sa.Select):
            counts["read"] += api_keys not in statement.get_final_froms()  # which are known for some seconds
        return execute(self, statement, *given, **options)

    monkeypatch.setattr(json, "loads", count_load)
    monkeypatch.setattr(SpecModel, "model_dump_json", count_dump)
    monkeypatch.setattr(sa.Connection, "execute", count_statement)
    return counts


@pytest.mark.parametrize("name", BODIES)
def test_a_post_parses_its_body_and_reads_nothing_back(
    api: TestClient, work: Counter[str], name: str
) -> None:
    api.post("/v1/jobs", json=BODIES[name])  # which does what is done once for all requests
    work.clear()

    response = api.post("/v1/jobs", json=BODIES[name])

    found = work.copy()
    assert response.status_code == 201
    assert found == Counter(POSTED[name])
    job = response.json()
    assert api.get(f"/v1/jobs/{job['id']}").json() == job


@pytest.mark.parametrize("name", BODIES)
def test_a_get_parses_each_part_once(api: TestClient, work: Counter[str], name: str) -> None:
    address = f"/v1/jobs/{api.post('/v1/jobs', json=BODIES[name]).json()['id']}"
    api.get(address)
    work.clear()

    assert api.get(address).status_code == 200
    assert work == Counter(READ[name])
