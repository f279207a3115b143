"""Turns with real runners: who waits how long, and that moving a job changes no bit of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select

from lockstep.service.settings import Settings
from lockstep.service.store.tables import attempts, jobs
from lockstep.worker.runner import Runner
from tests.stored_jobs import cancel
from tests.worker.bench import MOONS, Bench, digest

pytestmark = pytest.mark.timeout(120)

WAIT_SECONDS = 100.0
EPOCHS = 2_000
MOVES = 20
OWNERS = 30
WORKERS = 2


@contextmanager
def running(bench: Bench, name: str, turn_seconds: float) -> Iterator[None]:
    """A worker whose leads give way after so long."""
    settings = Settings(
        database_url=bench.settings.database_url,
        renew_seconds=0.02,
        poll_seconds=0.02,
        turn_seconds=turn_seconds,
    )
    runner = Runner(bench.tools(name, settings))
    runner.start()
    try:
        yield
    finally:
        runner.drain()
        runner.join(WAIT_SECONDS)
        assert not runner.is_alive()


def starts(bench: Bench) -> list[str]:
    """The ids of the jobs of all attempts, in the order in which they began."""
    with bench.database.read() as tx:
        begun = select(attempts.c.job_id).order_by(attempts.c.started_at, attempts.c.job_id)
        return list(tx.execute(begun).scalars())


def moves(bench: Bench, job_id: str) -> int:
    """How many attempts at the job ended without its end."""
    with bench.database.read() as tx:
        ended = select(attempts.c.number).where(attempts.c.job_id == job_id, attempts.c.outcome == "released")
        return len(tx.execute(ended).all())


def test_thirty_owners_of_long_jobs_all_get_their_turns(bench: Bench) -> None:
    made = [
        replace(bench, owner=f"owner_{number:02}").submit(MOONS, epochs=1_000_000) for number in range(OWNERS)
    ]
    deadline = time.monotonic() + WAIT_SECONDS
    with ExitStack() as stack:
        for name in "ab"[:WORKERS]:
            stack.enter_context(running(bench, name, 0.05))
        while min(Counter(made + starts(bench)).values()) < 3:  # each of them has begun twice
            assert time.monotonic() < deadline
            time.sleep(0.05)
    order = starts(bench)
    begun = {job_id: [turn for turn, each in enumerate(order) if each == job_id] for job_id in made}

    # Two workers that look at the same moment may change the order by as many places.
    assert max(turns[0] for turns in begun.values()) < OWNERS + WORKERS
    assert max(turns[1] - turns[0] for turns in begun.values()) <= OWNERS + WORKERS
    with bench.database.read() as tx:
        assert tx.execute(select(jobs.c.evictions).distinct()).scalars().all() == [0]


def test_a_job_that_is_moved_by_turns_twenty_times_learns_the_same(bench: Bench) -> None:
    undisturbed = bench.submit(MOONS, epochs=EPOCHS)
    assert bench.lead().status == "succeeded"
    moved = bench.submit(MOONS, epochs=EPOCHS)
    other = replace(bench, owner="another").submit(MOONS, epochs=1_000_000)
    deadline = time.monotonic() + WAIT_SECONDS
    with running(bench, "a", 0.01):
        while moves(bench, moved) < MOVES:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        cancel(bench.database, other)
    while not bench.job(moved).is_terminal:
        bench.lead()

    assert bench.job(moved).status_reason == "steps_done"
    assert digest(bench.job(moved)) == digest(bench.job(undisturbed))
