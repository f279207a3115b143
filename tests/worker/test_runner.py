"""The runner: bells and its own looks, draining, and its row in the table of workers."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lockstep.worker.runner import Runner
from tests.worker.bench import LINE, MOONS, Bench

WAIT_SECONDS = 20.0


@contextmanager
def running(bench: Bench, poll_seconds: float) -> Iterator[Runner]:
    settings = bench.settings.model_copy(update={"renew_seconds": 0.3, "poll_seconds": poll_seconds})
    runner = Runner(bench.tools(settings=settings))
    runner.start()
    try:
        yield runner
    finally:
        runner.drain()
        runner.join(WAIT_SECONDS)
        assert not runner.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_ring_is_answered_when_all_is_done(bench: Bench) -> None:
    with running(bench, poll_seconds=60) as runner:
        wait_until(lambda: bench.workers() == [("worker_a", "idle")])
        jobs = [bench.submit(LINE) for _ in range(3)]

        runner.answer("lead", jobs[0])

        assert [bench.job(job_id).status for job_id in jobs] == ["succeeded"] * 3


def test_without_a_ring_it_looks_by_itself(bench: Bench) -> None:
    with running(bench, poll_seconds=0.05):
        job_id = bench.submit(LINE)

        wait_until(lambda: bench.job(job_id).is_terminal)


def test_a_ring_for_nothing_is_answered_without_waiting_for_the_next_look(bench: Bench) -> None:
    with running(bench, poll_seconds=600) as runner:
        ringing = threading.Thread(target=runner.answer, args=("help", "job_unknown"), daemon=True)
        ringing.start()
        ringing.join(WAIT_SECONDS)

        assert not ringing.is_alive()


def test_what_it_does_can_be_read_and_goes_when_it_leaves(bench: Bench) -> None:
    with running(bench, poll_seconds=0.05):
        wait_until(lambda: bench.workers() == [("worker_a", "idle")])
        bench.submit(MOONS, epochs=100_000)
        wait_until(lambda: bench.workers() == [("worker_a", "leading")])

    assert bench.workers() == []


class Circle:
    """Something that holds itself, as plans and groups do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_only_holds_itself_goes_with_the_job(bench: Bench) -> None:
    with running(bench, poll_seconds=60) as runner:
        gc.disable()
        try:
            left = weakref.ref(Circle())
            assert left() is not None
            runner.answer("lead", bench.submit(LINE))
            assert left() is None
        finally:
            gc.enable()


def test_draining_gives_the_job_back_and_answers_every_ring(bench: Bench) -> None:
    job_id = bench.submit(MOONS, epochs=100_000)
    with running(bench, poll_seconds=60) as runner:
        ringing = threading.Thread(target=runner.answer, args=("lead", job_id), daemon=True)
        ringing.start()
        wait_until(lambda: bench.job(job_id).step > 0)

        runner.drain()
        ringing.join(WAIT_SECONDS)

        assert not ringing.is_alive()
        runner.join(WAIT_SECONDS)
        job = bench.job(job_id)
        assert (job.status, job.attempt) == ("queued", 2)
        runner.answer("lead", job_id)  # a ring that comes too late


def test_a_busy_runner_passes_the_ring_on(bench: Bench) -> None:
    bench.submit(MOONS, epochs=100_000)
    with running(bench, poll_seconds=0.05) as runner:
        wait_until(lambda: bench.workers() == [("worker_a", "leading")])
        ringing = threading.Thread(target=runner.answer, args=("lead", "job_other"), daemon=True)
        ringing.start()
        wait_until(lambda: ("lead", "job_other") in bench.bell.rung)

        assert ringing.is_alive()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_outlives_an_outage_of_the_store(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    broken = Bench(database=bench.database, settings=bench.settings)
    with running(broken, poll_seconds=0.05):
        with bench.database.write() as tx:
            tx.exec_driver_sql("ALTER TABLE jobs RENAME TO jobs_away")
        wait_until(lambda: "action=look_failed" in caplog.text)
        with bench.database.write() as tx:
            tx.exec_driver_sql("ALTER TABLE jobs_away RENAME TO jobs")
        job_id = bench.submit(LINE)

        wait_until(lambda: bench.job(job_id).is_terminal)
