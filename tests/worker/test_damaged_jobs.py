"""Workers that meet damaged jobs: each ends in words, and what waits behind it starts."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, text, update
from sqlalchemy.exc import OperationalError

from lockstep.service.store import seats, specs
from lockstep.service.store.tables import jobs
from lockstep.worker.attempt import lead_job
from tests import damages
from tests.damages import Harm, harm
from tests.worker.bench import LINE, LINE_DIGEST, MOONS, Bench, digest, never
from tests.worker.test_attempt import cancel
from tests.worker.test_replaying import answer, asked, error, found
from tests.worker.test_runner import running, wait_until

MANY = [1 / 3] * 2_000
LARGE: dict[str, Any] = LINE | {"data": {"inline": {"x": MANY, "y": MANY}}, "epochs": 1}
"""More inline data than a job's row holds."""
SPECS = damages.SPEC + damages.INLINE_BLOB + damages.INLINE_ROW


def another_kind(tx: Connection, job_id: str) -> None:
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(kind="solve"))


KIND = Harm(name="another kind", part="spec", do=another_kind)


def large(number: int) -> dict[str, Any]:
    """Other data for each number, so that no two jobs share a blob."""
    return LARGE | {"data": {"inline": {"x": [number + 0.5, *MANY], "y": [0.5, *MANY]}}}


def test_damaged_jobs_end_in_words_and_what_waits_behind_them_starts(bench: Bench) -> None:
    kinds = (*SPECS, KIND, damages.EXPRESSION)
    damaged = [bench.submit(large(number)) for number in range(len(kinds))]
    behind = bench.submit(LINE)
    for damage, job_id in zip(kinds, damaged, strict=True):
        harm(bench.database, damage, job_id)

    with running(bench, poll_seconds=60) as runner:
        runner.answer("lead", damaged[0])

    for damage, job_id in zip(kinds, damaged, strict=True):
        job = bench.job(job_id)
        assert (job.status, job.attempt) == ("failed", 1), damage.name
        assert job.error is not None
        assert job.error.code == "invalid_data", (damage.name, job.error)
        assert job.error.param == ("/data/inline" if damage.part == "inline_data" else None), damage.name
        assert "can't be read" in job.error.message
        assert "submit the job again" in job.error.message
    assert digest(bench.job(behind)) == LINE_DIGEST


@pytest.mark.parametrize("damage", [*damages.METADATA[:1], *damages.TRANSITIONS[:1]], ids=str)
def test_damage_that_training_does_not_need_costs_nothing(bench: Bench, damage: Harm) -> None:
    job_id = bench.submit(LINE)
    harm(bench.database, damage, job_id)

    assert digest(bench.lead()) == LINE_DIGEST
    assert [each.part for each in bench.job(job_id).damage] == [damage.part]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", ["attempt", "workers_wanted", "steps"])
def test_a_row_with_text_for_a_number_ends_in_words(bench: Bench, column: str) -> None:
    job_id = bench.submit(LINE)
    with bench.database.write() as tx:
        tx.execute(text(f"UPDATE jobs SET {column} = 'x' WHERE id = :id"), {"id": job_id})  # noqa: S608 - of those above

    job = bench.lead()

    assert job.error is not None
    assert job.error.code == "invalid_data"
    assert f"expected a whole number in {column}, found 'x'" in job.error.message


def test_a_damaged_job_is_cancelled_rather_than_failed(bench: Bench) -> None:
    job_id = bench.submit(LINE)
    harm(bench.database, SPECS[0], job_id)
    lease = bench.claim()
    cancel(bench, job_id)

    lead_job(lease, bench.tools(), never)

    assert bench.job(job_id).status == "cancelled"


def test_a_database_that_is_away_after_the_claim_fails_no_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit(LINE)
    lease = bench.claim()
    load, refusals = specs.load, [2]

    def away(*what: Any) -> Any:
        if refusals[0]:
            refusals[0] -= 1
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return load(*what)

    monkeypatch.setattr(specs, "load", away)
    lead_job(lease, bench.tools(), never)

    assert digest(bench.job(job_id)) == LINE_DIGEST


STARTS = damages.WEIGHTS


def test_damaged_weights_to_start_from_are_told(bench: Bench) -> None:
    ends = []
    for number in range(len(STARTS)):
        bench.submit(LINE, epochs=number + 1)
        ends.append(bench.lead().id)
    for damage, end in zip(STARTS, ends, strict=True):
        bench.submit(LINE, start_from=end)
        harm(bench.database, damage, end)

        job = bench.lead()

        assert job.error is not None, damage.name
        assert (job.error.code, job.error.param) == ("invalid_data", "/start_from"), damage.name
        assert f"{end}: the stored weights can't be read" in job.error.message


def test_questions_about_damaged_jobs_fail_in_words_and_others_are_answered(bench: Bench) -> None:
    ids = []
    for number in range(len(SPECS)):
        ids.append(bench.submit(large(number)))
        bench.lead()
    sound = bench.submit(LINE)
    bench.lead()
    about = [asked(bench, job_id, 0) for job_id in ids]
    last = asked(bench, sound, 5)
    for damage, job_id in zip(SPECS, ids, strict=True):
        harm(bench.database, damage, job_id)

    for damage, each in zip(SPECS, about, strict=True):
        assert answer(bench)
        assert "can't be read" in error(bench, each), damage.name
        assert "submit the job again" in error(bench, each)
    assert answer(bench)
    assert found(bench, last)


def test_a_helper_goes_elsewhere_when_a_jobs_spec_is_damaged(bench: Bench) -> None:
    bench = bench.taking("all")
    damaged = bench.submit(MOONS, workers=2, epochs=100_000)
    sound = bench.submit(MOONS, workers=2, epochs=100_000, seed=8)
    stop = threading.Event()
    leads = [threading.Thread(target=bench.lead, args=(name, stop.is_set), daemon=True) for name in "lm"]
    try:
        leads[0].start()
        wait_until(lambda: has_seat(bench, []))
        leads[1].start()
        wait_until(lambda: has_seat(bench, [damaged]))
        harm(bench.database, SPECS[0], damaged)

        with running(bench, poll_seconds=0.05):
            wait_until(lambda: bench.job(sound).workers_active == 2)

        assert bench.job(damaged).status == "running"
    finally:
        stop.set()
        for lead in leads:
            lead.join(20)


def has_seat(bench: Bench, but_of: list[str]) -> bool:
    with bench.database.read() as tx:
        return seats.find_seat(tx, bench.tools("x").worker, but_of) is not None
