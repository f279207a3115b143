"""A database that refuses costs time and never a job: real faults, made with triggers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from lockstep.core.ground.failpoints import at_failpoints
from lockstep.service.store import points
from lockstep.worker import reporter
from lockstep.worker.attempt import lead_job
from tests.worker.bench import LINE, LINE_DIGEST, Bench, digest, never

SQLITE = "CREATE TRIGGER refuse BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
POSTGRESQL = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
    "CREATE TRIGGER refuse BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()",
)

SWINGING = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1.2},
    "optimizer": {"type": "sgd", "learning_rate": 1.0},
    "steps": 300,
}


@pytest.fixture
def hasty(bench: Bench) -> Bench:
    """A worker with a short lease: it gives up after 0.8 s."""
    short = bench.settings.model_copy(update={"lease_seconds": 1.0, "renew_seconds": 0.3})
    return replace(bench, settings=short)


@contextmanager
def refusing(bench: Bench, verb: str, table: str) -> Iterator[None]:
    """Within it the database refuses one kind of write."""
    with bench.database.write() as tx:
        is_sqlite = tx.dialect.name == "sqlite"
        for statement in (SQLITE,) if is_sqlite else POSTGRESQL:
            tx.execute(text(statement.format(verb=verb, table=table)))
    try:
        yield
    finally:
        with bench.database.write() as tx:
            tx.execute(text("DROP TRIGGER refuse" if is_sqlite else "DROP FUNCTION refuse CASCADE"))


@pytest.mark.parametrize(
    ("verb", "table"), [("INSERT", "history"), ("INSERT", "weights"), ("INSERT", "blob_parts")]
)
def test_a_refused_write_gives_the_claim_back_and_the_next_attempt_ends_the_job(
    hasty: Bench, verb: str, table: str
) -> None:
    job_id = hasty.submit(LINE)

    with refusing(hasty, verb, table):
        refused = hasty.lead()
    assert (refused.status, refused.status_reason, refused.attempt) == ("queued", "database_failed", 2)
    assert refused.error is None
    job = hasty.lead()

    assert job.id == job_id
    assert job.status == "succeeded"
    assert digest(job) == LINE_DIGEST


def test_where_even_giving_back_is_refused_the_lease_ends_by_itself(hasty: Bench) -> None:
    hasty.submit(LINE)
    lease = hasty.claim()

    with refusing(hasty, "INSERT", "events"):
        lead_job(lease, hasty.tools(), never)
        assert hasty.job(lease.claim.job_id).status == "running"
    hasty.evict()

    assert hasty.job(lease.claim.job_id).status_reason == "worker_lost"
    assert digest(hasty.lead()) == LINE_DIGEST


def test_a_finding_is_told_once_though_nobody_heard_that_it_was_committed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "REPORT_SECONDS", 0.0)
    job_id = bench.submit(SWINGING)
    lease, here, reached = bench.claim(), threading.get_ident(), [0]

    def lose_every_second_answer(point: str) -> None:
        if point == points.COMMITTED.name and threading.get_ident() == here:
            reached[0] += 1
            if reached[0] % 2:
                raise OperationalError("COMMIT", {}, Exception("the connection is gone"))

    at_failpoints(lose_every_second_answer)
    try:
        lead_job(lease, bench.tools(), never)
    finally:
        at_failpoints(None)

    assert reached[0] > 2
    assert bench.job(job_id).status == "succeeded"
    assert bench.events(job_id).count("finding") == 1


def test_reads_are_asked_again_too(hasty: Bench) -> None:
    hasty.submit(LINE)
    lease = hasty.claim()
    asked: list[int] = []

    def fails_once(_: object) -> str:
        asked.append(1)
        if len(asked) == 1:
            with hasty.database.read() as tx:
                tx.execute(text("SELECT nothing FROM nowhere"))
        return "read"

    with lease:
        assert lease.read(fails_once) == "read"
    assert len(asked) == 2
