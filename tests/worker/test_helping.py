"""Leads and helpers of one job, over loopback and the real store: the same bits, whoever comes."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lockstep.service.store import seats, workers
from lockstep.service.store.jobs import Job
from lockstep.service.store.seats import Seat
from lockstep.service.store.workers import WorkerState
from lockstep.worker.attempt import lead_job
from lockstep.worker.helping import help_job
from tests.worker.bench import MOONS, Bench, digest, never

WAIT_SECONDS = 20.0


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """One whose leads take whoever comes."""
    return bench.taking("all")


def find_seat(bench: Bench, name: str) -> Seat | None:
    with bench.database.read() as tx:
        return seats.find_seat(tx, bench.tools(name).worker)


class Helper(threading.Thread):
    """A worker that takes the first seat that it finds."""

    def __init__(self, bench: Bench, name: str, draining: Callable[[], bool] = never) -> None:
        super().__init__(daemon=True)
        self._bench = bench
        self._name = name
        self._draining = draining
        self.waits = threading.Event()
        self._dismissed = threading.Event()
        self.helped: bool | None = None

    def run(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            seat = find_seat(self._bench, self._name)
            if seat is not None:
                self.helped = help_job(seat, self._bench.tools(self._name), self._leaves)
                return
            if self._dismissed.wait(0.01):
                return

    def dismiss(self) -> None:
        """Look for a seat no longer; there may never have been one."""
        self._dismissed.set()
        self.join(WAIT_SECONDS)

    def _leaves(self) -> bool:
        # Asked for the first time when nothing is left to do but to be let in.
        self.waits.set()
        return self._draining()

    def end(self) -> bool:
        self.join(WAIT_SECONDS)
        assert self.helped is not None
        return self.helped


class Lead(threading.Thread):
    """A worker that leads the oldest job, and after its first step waits until its helpers can be let in."""

    def __init__(self, bench: Bench, helpers: Sequence[Helper]) -> None:
        super().__init__(daemon=True)
        self._bench = bench
        self._helpers = list(helpers)
        self.job: Job | None = None

    def run(self) -> None:
        self.job = self._bench.lead("l", self._wait)

    def _wait(self) -> bool:
        if self._helpers:
            assert all(helper.waits.wait(WAIT_SECONDS) for helper in self._helpers)
            self._helpers.clear()
            time.sleep(0.1)  # for what they said to arrive
        return False

    def end(self) -> Job:
        self.join(WAIT_SECONDS)
        assert self.job is not None
        return self.job


@pytest.mark.parametrize("helpers", [1, 2])
def test_helpers_change_nothing_but_the_speed(bench: Bench, helpers: int) -> None:
    bench.submit(MOONS)
    alone = bench.lead()
    job_id = bench.submit(MOONS, workers=1 + helpers)

    team = [Helper(bench, name) for name in "bc"[:helpers]]
    lead = Lead(bench, team)
    for member in (lead, *team):
        member.start()

    assert digest(lead.end()) == digest(alone)
    assert [helper.end() for helper in team] == [True] * helpers
    assert bench.events(job_id).count("member_joined") == helpers
    mine, other = bench.history(job_id), bench.history(alone.id)
    np.testing.assert_array_equal(mine["loss"].values, other["loss"].values)
    assert find_seat(bench, "d") is None


def test_a_helper_that_stops_costs_nothing_but_itself(bench: Bench) -> None:
    bench.submit(MOONS)
    alone = bench.lead()
    job_id = bench.submit(MOONS, workers=2)
    looks = iter([False, False, False, True])

    helper = Helper(bench, "b", lambda: next(looks, True))
    lead = Lead(bench, [helper])
    lead.start()
    helper.start()

    assert helper.end()
    assert digest(lead.end()) == digest(alone)
    assert bench.left(job_id) == ["drained"]


def test_a_job_that_waits_gets_the_helper(bench: Bench) -> None:
    first = bench.submit(MOONS, workers=2, epochs=100_000)
    stop = threading.Event()

    lead = threading.Thread(target=lambda: bench.lead("l", stop.is_set), daemon=True)
    helper = Helper(bench, "b")
    lead.start()
    helper.start()
    try:
        wait_until(lambda: bench.job(first).workers_active == 2)
        waiting = bench.submit(MOONS)
        assert helper.end()
        assert bench.lead("b").id == waiting
    finally:
        stop.set()
        lead.join(WAIT_SECONDS)

    assert bench.job(first).status == "queued"


def test_an_empty_seat_is_rung_for(bench: Bench) -> None:
    job_id = bench.submit(MOONS, workers=2)
    state = WorkerState(
        worker_id="worker_b", host="here", pid=1, state="idle", job_id=None, fingerprint=bench.fingerprint
    )
    with bench.database.write() as tx:
        workers.heartbeat(tx, state)

    def slowly() -> bool:
        time.sleep(0.05)
        return bool(bench.bell.rung)

    bench.lead(draining=slowly)

    assert bench.bell.rung[0] == ("help", job_id)


def test_a_lead_that_cannot_listen_trains_alone(bench: Bench) -> None:
    bench.submit(MOONS)
    alone = bench.lead()
    bench.submit(MOONS, workers=2)
    nowhere = bench.settings.model_copy(update={"group_host": "203.0.113.1"})

    lease = bench.claim(settings=nowhere)
    lead_job(lease, bench.tools(settings=nowhere), never)

    assert digest(bench.job(lease.claim.job_id)) == digest(alone)


def test_a_seat_that_is_gone_is_not_taken(bench: Bench) -> None:
    bench.submit(MOONS, workers=2)
    found: list[Seat | None] = []

    def look() -> bool:
        found.append(find_seat(bench, "b"))
        return True

    bench.lead(draining=look)

    assert found[0] is not None
    assert not help_job(found[0], bench.tools("b"), never)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_measured_changes_no_bit(bench: Bench) -> None:
    measuring = bench.taking("advised")
    measuring.submit(MOONS, epochs=1500)
    alone = measuring.lead()
    job_id = measuring.submit(MOONS, epochs=1500, workers="auto")

    helper = Helper(measuring, "b")
    helper.start()
    job = measuring.lead("l")
    helper.dismiss()

    assert digest(job) == digest(alone)
    assert job.workers_most == 1 + (measuring.events(job_id).count("member_joined") > 0)
