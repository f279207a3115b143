"""Asking that a job be trained again and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from lockstep.core.ground.arithmetic import ARITHMETIC, FIRST_ARITHMETIC, advanced
from lockstep.service.store import claims, endings, keys
from lockstep.service.store.database import Database
from lockstep.service.store.tables import blob_parts, jobs
from tests.service.submissions import CLASSES, LINE, WORKER, claim, succeed

ARRAYS = {"a": np.array(2.0), "b": np.array(4.0)}
DIGEST = "0" * 64
"""What `succeed` says of any weights."""
LARGE = [[number, 2 * number] for number in range(8000)]
"""More inline data than a job's row holds."""


def verify(api: TestClient, job_id: str, body: object, **headers: str) -> Any:
    return api.post(f"/v1/jobs/{job_id}/verify", json=body, headers=headers)


def finished(api: TestClient, store: Database, **changes: Any) -> str:
    """A job that has succeeded."""
    api.post("/v1/jobs", json=LINE | changes)
    return succeed(store, ARRAYS)


def end(store: Database, digest: str) -> str:
    """Bring the oldest queued job to a good end with that digest."""
    taken = claim(store)
    result: Mapping[str, object] = {
        "steps": 10, "stop_reason": "steps_done", "loss": 0.5, "metrics": {}, "parameters": None,
        "weights_sha256": digest,
    }  # fmt: skip
    with store.write() as tx:
        endings.succeed(claims.lock(tx, taken), result)
    return taken.job_id


def begun_with(store: Database, job_id: str) -> tuple[str | None, int | None]:
    with store.read() as tx:
        row = tx.execute(select(jobs.c.fingerprint, jobs.c.arithmetic).where(jobs.c.id == job_id)).one()
    return row.fingerprint, row.arithmetic


def refused(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.text
    return [(each["pointer"], each["code"]) for each in response.json()["errors"]]


def test_a_new_job_trains_the_same_spec_on_other_workers(api: TestClient, store: Database) -> None:
    first = finished(api, store, shards=2, name="line", metadata={"k": "v"})

    response = verify(api, first, {"workers": 2})

    assert response.status_code == 201
    new = response.json()
    assert response.headers["Location"] == f"/v1/jobs/{new['id']}"
    assert (new["status"], new["verifies"], new["workers"]["wanted"]) == ("queued", first, 2)
    before = api.get(f"/v1/jobs/{first}").json()
    assert before["verifies"] is None
    assert new["spec"] == before["spec"] | {"workers": 2}
    assert (new["name"], new["metadata"]) == (before["name"], before["metadata"])
    assert begun_with(store, new["id"]) == (WORKER.fingerprint, ARITHMETIC)


@pytest.mark.parametrize(("digest", "matches"), [(DIGEST, True), ("1" * 64, False)])
def test_its_result_compares_the_digests(
    api: TestClient, store: Database, digest: str, matches: bool
) -> None:
    first = finished(api, store)
    new = verify(api, first, {"workers": 1}).json()["id"]

    assert end(store, digest) == new

    job = api.get(f"/v1/jobs/{new}").json()
    assert job["status"] == "succeeded"
    assert (job["result"]["matches"], job["result"]["expected_sha256"]) == (matches, DIGEST)
    assert job["result"]["weights_sha256"] == digest
    (listed,) = [each for each in api.get("/v1/jobs").json()["data"] if each["id"] == new]
    assert listed["result"] == job["result"]
    (told,) = [
        each for each in api.get(f"/v1/jobs/{new}/events").json()["data"] if each["type"] == "verified"
    ]
    assert (told["level"], told["data"]["matches"]) == ("info" if matches else "error", matches)
    assert first in told["message"]
    assert digest in told["message"]


def test_a_verification_can_be_verified(api: TestClient, store: Database) -> None:
    first = verify(api, finished(api, store), {"workers": 1}).json()["id"]
    end(store, "1" * 64)

    second = verify(api, first, {"workers": 1}).json()

    assert second["verifies"] == first
    end(store, "1" * 64)
    assert api.get(f"/v1/jobs/{second['id']}").json()["result"]["matches"] is True


def test_large_inline_data_are_not_copied(api: TestClient, store: Database) -> None:
    first = finished(api, store, data={"inline": {"x": [x for x, _ in LARGE], "y": [y for _, y in LARGE]}})
    with store.read() as tx:
        before = tx.execute(select(func.count()).select_from(blob_parts)).scalar_one()

    new = verify(api, first, {"workers": 1}).json()["id"]

    with store.read() as tx:
        assert tx.execute(select(func.count()).select_from(blob_parts)).scalar_one() == before
    assert api.get(f"/v1/jobs/{new}/spec").json() == api.get(f"/v1/jobs/{first}/spec").json()


def test_a_job_without_a_result_is_refused_with_a_code(api: TestClient) -> None:
    job_id = api.post("/v1/jobs", json=LINE).json()["id"]
    early = verify(api, job_id, {"workers": 1})
    api.post(f"/v1/jobs/{job_id}/cancel")
    late = verify(api, job_id, {"workers": 1})

    assert (early.status_code, early.json()["code"]) == (409, "result_not_ready")
    assert (late.status_code, late.json()["code"]) == (409, "job_not_succeeded")
    assert "cancelled" in late.json()["detail"]


def test_an_unknown_job_and_anothers_are_not_found(api: TestClient, store: Database) -> None:
    first = finished(api, store)
    with store.write() as tx:
        _, secret = keys.create(tx, "owner_2", "other", frozenset({"read", "write"}))
        _, reading = keys.create(tx, "owner_2", "reader", frozenset({"read"}))

    assert verify(api, "job_0", {"workers": 1}).status_code == 404
    assert verify(api, first, {"workers": 1}, Authorization=f"Bearer {secret}").status_code == 404
    assert verify(api, first, {"workers": 1}, Authorization=f"Bearer {reading}").status_code == 403


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/workers", "missing")]),
        ({"workers": 0}, [("/workers", "out_of_range")]),
        ({"workers": "2"}, [("/workers", "wrong_type")]),
        ({"workers": 1, "chaos": 1}, [("/chaos", "wrong_type")]),
        ({"workers": 1, "worker": 2}, [("/worker", "unknown_key")]),
        ([], [("", "wrong_type")]),
        ({"workers": 3}, [("/workers", "too_few_shards")]),
        ({"workers": 1, "chaos": True}, [("/chaos", "too_few_workers")]),
    ],
)
def test_what_can_not_be_asked_is_refused(
    api: TestClient, store: Database, body: object, expected: list[tuple[str, str]]
) -> None:
    first = finished(api, store, shards=2)

    assert refused(verify(api, first, body)) == expected


def test_more_workers_than_shards_are_told_what_to_set(api: TestClient, store: Database) -> None:
    response = verify(api, finished(api, store, shards=2), {"workers": 3})

    (error,) = response.json()["errors"]
    assert error["message"].endswith('got 3; set "workers" to at most 2')


def test_a_formulas_search_takes_one_worker(api: TestClient, store: Database) -> None:
    search = {
        "kind": "minimize",
        "objective": "x**2",
        "start": {"x": 1},
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
    }
    api.post("/v1/jobs", json=search)
    first = end(store, DIGEST)

    assert refused(verify(api, first, {"workers": 2})) == [("/workers", "too_many_workers")]
    assert verify(api, first, {"workers": 1}).json()["verifies"] == first


def test_a_key_makes_one_verification(api: TestClient, store: Database) -> None:
    first, other = finished(api, store, shards=2), finished(api, store)
    key = {"Idempotency-Key": "k"}
    made = verify(api, first, {"workers": 1}, **key)

    again = verify(api, first, {"chaos": False, "workers": 1}, **key)
    assert again.json()["id"] == made.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert refused(verify(api, first, {"workers": 2}, **key)) == [("/header/Idempotency-Key", "key_reused")]
    assert refused(verify(api, other, {"workers": 1}, **key)) == [("/header/Idempotency-Key", "key_reused")]


def of_older_rules(store: Database, job_id: str) -> None:
    with store.write() as tx:
        tx.execute(update(jobs).where(jobs.c.id == job_id).values(arithmetic=FIRST_ARITHMETIC))


def test_a_job_of_older_rules_is_compared_where_they_did_not_change(api: TestClient, store: Database) -> None:
    first = finished(api, store)
    of_older_rules(store, first)

    new = verify(api, first, {"workers": 1}).json()

    assert new["status"] == "queued"
    there = advanced(WORKER.fingerprint, FIRST_ARITHMETIC)
    assert begun_with(store, new["id"]) == (there, ARITHMETIC)


def test_a_job_that_the_rules_would_compute_otherwise_ends_at_once(api: TestClient, store: Database) -> None:
    changed = CLASSES | {"epochs": 2, "batch_size": 2, "stop": {"loss_below": 0.1}}
    api.post("/v1/jobs", json=changed)
    first = end(store, DIGEST)
    of_older_rules(store, first)

    response = verify(api, first, {"workers": 1}, **{"Idempotency-Key": "k"})

    assert response.status_code == 201
    new = response.json()
    assert (new["status"], new["status_reason"]) == ("succeeded", "not_comparable")
    assert f"arithmetic {FIRST_ARITHMETIC}" in new["result"]["not_comparable"]
    assert f"has {ARITHMETIC}" in new["result"]["not_comparable"]
    assert (new["result"]["weights_sha256"], new["result"]["expected_sha256"]) == (None, DIGEST)
    assert "matches" not in new["result"]
    assert verify(api, first, {"workers": 1}, **{"Idempotency-Key": "k"}).json() == new
    told = [each["type"] for each in api.get(f"/v1/jobs/{new['id']}/events").json()["data"]]
    assert told == ["status", "status", "not_comparable"]


def test_what_compared_nothing_has_no_weights(api: TestClient, store: Database) -> None:
    api.post("/v1/jobs", json=CLASSES | {"epochs": 2, "batch_size": 2, "stop": {"loss_below": 0.1}})
    first = end(store, DIGEST)
    of_older_rules(store, first)
    job = f"/v1/jobs/{verify(api, first, {'workers': 1}).json()['id']}"

    weights = api.get(f"{job}/weights")
    assert (weights.status_code, weights.json()["code"]) == (409, "no_weights")
    assert "not_comparable" in weights.json()["detail"]
    again = api.post(f"{job}/verify", json={"workers": 1})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_verify")
    assert api.get(f"{job}/history").json()["series"] == {}


def test_a_damaged_result_is_gone(api: TestClient, store: Database) -> None:
    first = finished(api, store)
    with store.write() as tx:
        tx.execute(update(jobs).where(jobs.c.id == first).values(result_json="{"))

    response = verify(api, first, {"workers": 1})

    assert response.status_code == 410
    assert response.json()["errors"][0]["code"] == "result_damaged"
