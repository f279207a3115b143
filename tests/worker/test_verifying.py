"""Jobs trained again for real: the same digest on other workers, whoever comes and goes."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from lockstep.service.store import events, verifying
from lockstep.service.store.tables import blob_parts, jobs
from lockstep.worker import chaos
from tests.worker.bench import LINE, MOONS, Bench, digest
from tests.worker.test_helping import Helper, Lead

NORMED: dict[str, Any] = MOONS | {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 16},
            {"type": "batch_norm_1d", "num_features": 16},
            {"type": "relu"},
            {"type": "dropout", "p": 0.2},
            {"type": "linear", "in": 16, "out": 2},
        ]
    },
    "batch_size": 32,
}
PRODUCT = {"kind": "solve", "expression": "(2*w + 3*b)*(2*b + 1)", "start": {"w": 3, "b": 4}, "target": 150}
KINDS = pytest.mark.parametrize(
    "spec", [LINE, MOONS, NORMED, PRODUCT], ids=["expression", "layers", "batch norm", "solve"]
)


def verify(bench: Bench, job_id: str, workers: int, *, chaos: bool = False) -> str:
    """Queue the job that verifies another; returns its id."""
    with bench.database.write() as tx:
        found = verifying.verifiable(tx, job_id, None)
        new = verifying.copy_of(tx, found, "owner", workers, chaos=chaos)
        return verifying.create(tx, new, None, None).job.id


def told(bench: Bench, job_id: str) -> events.Event:
    with bench.database.read() as tx:
        (found,) = [each for each in events.list_events(tx, job_id) if each.type == "verified"]
    return found


@KINDS
def test_a_job_is_verified_by_one_worker(bench: Bench, spec: dict[str, Any]) -> None:
    bench.submit(spec)
    first = bench.lead()
    verify(bench, first.id, 1)

    second = bench.lead("b")

    assert (second.verifies, digest(second)) == (first.id, digest(first))
    assert second.result is not None
    assert (second.result["matches"], second.result["expected_sha256"]) == (True, digest(first))
    assert told(bench, second.id).data["joined"] == 0


def test_equal_weights_are_stored_once(bench: Bench) -> None:
    bench.submit(MOONS)
    first = bench.lead()
    with bench.database.read() as tx:
        before = tx.execute(select(func.count()).select_from(blob_parts)).scalar_one()
    verify(bench, first.id, 1)
    bench.lead()

    with bench.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(blob_parts)).scalar_one() == before


@pytest.mark.parametrize("spec", [MOONS, NORMED], ids=["layers", "batch norm"])
def test_members_that_come_and_go_change_nothing(
    bench: Bench, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "LONGEST_SECONDS", 0.1)  # so that it strikes long before the end
    bench.submit(spec | {"epochs": 300})
    first = bench.lead()
    job_id = verify(bench, first.id, 3, chaos=True)
    team = [Helper(bench, name) for name in "bc"]
    lead = Lead(bench, team)
    for member in (lead, *team):
        member.start()

    second = lead.end()

    assert second.result is not None
    assert second.result["matches"] is True
    assert [helper.end() for helper in team] == [True, True]
    data = told(bench, job_id).data
    gone = bench.events(job_id).count("member_left")
    assert (data["joined"], data["left"]) == (2, gone)
    assert gone > 0


def test_other_weights_are_told(bench: Bench) -> None:
    bench.submit(LINE)
    first = bench.lead()
    job_id = verify(bench, first.id, 1)
    with bench.database.write() as tx:
        tx.execute(update(jobs).where(jobs.c.id == job_id).values(expected_sha256="0" * 64))

    second = bench.lead()

    assert second.status == "succeeded"
    assert second.result is not None
    assert second.result["matches"] is False
    assert "are not those of" in told(bench, job_id).message
