"""Worker processes as they run in production: rung, killed, frozen, stopped, and with the broker away."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.submission import parse_spec, resolve
from lockstep.service.commands.numerics import WITHOUT_FMA, numerics
from lockstep.service.parts import SHOWN_DIGITS, TUNABLES
from tests.system.worker_processes import Broker, Cluster, cluster_in, is_alive, wait_until
from tests.worker.bench import LINE, LINE_DIGEST, MOONS, digest

pytestmark = pytest.mark.timeout(120)  # each starts a worker or two, on a machine that may be busy

LONG = {"epochs": 4000}
"""MOONS for a few seconds."""
DEAF = {"poll_seconds": 60.0}
"""A worker that finds a job within the test only when it hears a ring."""
PROMPT = {"poll_seconds": 0.3, "reconcile_seconds": 0.2}
SHORT_LEASE = {"lease_seconds": 2.0, "renew_seconds": 0.5}


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def cluster(tmp_path: Path, migrated_sqlite_path: Path, broker: Broker) -> Iterator[Cluster]:
    database_path = tmp_path / "lockstep.db"
    shutil.copyfile(migrated_sqlite_path, database_path)
    with cluster_in(tmp_path, database_path, broker) as cluster:
        yield cluster


@pytest.fixture
def with_broker(cluster: Cluster) -> Cluster:
    cluster.broker.start()
    return cluster


def is_over(cluster: Cluster, job_id: str) -> bool:
    return cluster.bench.job(job_id).is_terminal


@pytest.fixture(scope="module")
def expected() -> str:
    """The digest of an undisturbed run."""
    spec = resolve(parse_spec(MOONS | LONG), lambda: 7)
    training = Training(spec, load_dataset(spec), SoloGroup())
    while not training.finished:
        training.advance(1000)
    return training.outcome().weights_sha256


def test_a_ring_starts_a_job_at_once(with_broker: Cluster) -> None:
    with_broker.start_worker(**DEAF)
    wait_until(lambda: with_broker.broker.listeners() == 1)
    job_id = with_broker.bench.submit(LINE)

    with_broker.ring(job_id)
    wait_until(lambda: is_over(with_broker, job_id))

    assert digest(with_broker.bench.job(job_id)) == LINE_DIGEST


def test_a_killed_child_is_evicted_at_once_and_costs_no_bits(with_broker: Cluster, expected: str) -> None:
    with_broker.start_worker(poll_seconds=0.3)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    wait_until(lambda: with_broker.bench.job(job_id).step > 0)

    os.kill(with_broker.child_pid("leading"), signal.SIGKILL)
    wait_until(lambda: with_broker.bench.job(job_id).attempt == 2)

    assert "worker_lost" in [each.reason for each in with_broker.bench.job(job_id).transitions]
    wait_until(lambda: is_over(with_broker, job_id), 30)
    assert digest(with_broker.bench.job(job_id)) == expected


def test_an_idle_child_that_dies_is_replaced(with_broker: Cluster) -> None:
    with_broker.start_worker(poll_seconds=0.3)
    child = with_broker.child_pid("idle")

    os.kill(child, signal.SIGKILL)
    job_id = with_broker.bench.submit(LINE)
    wait_until(lambda: is_over(with_broker, job_id))

    assert with_broker.workers()[0].pid != child


def test_a_child_does_not_outlive_its_main_process(with_broker: Cluster, expected: str) -> None:
    worker = with_broker.start_worker(**PROMPT, **SHORT_LEASE)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    wait_until(lambda: with_broker.bench.job(job_id).step > 0)
    child = with_broker.child_pid("leading")

    worker.process.kill()
    wait_until(lambda: not is_alive(child), 2)

    with_broker.start_worker(**PROMPT, **SHORT_LEASE)
    wait_until(lambda: is_over(with_broker, job_id), 30)
    assert digest(with_broker.bench.job(job_id)) == expected


def test_a_frozen_lead_is_fenced_and_comes_back_harmless(with_broker: Cluster, expected: str) -> None:
    frozen_worker = with_broker.start_worker(**PROMPT, **SHORT_LEASE)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    wait_until(lambda: with_broker.bench.job(job_id).step > 0)
    frozen = with_broker.child_pid("leading")

    os.kill(frozen, signal.SIGSTOP)
    with_broker.start_worker(**PROMPT, **SHORT_LEASE)
    wait_until(lambda: is_over(with_broker, job_id), 30)
    over = with_broker.bench.job(job_id)
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: "action=fenced" in frozen_worker.log)

    assert digest(over) == expected
    assert with_broker.bench.job(job_id).version == over.version


def test_sigterm_while_idle(with_broker: Cluster) -> None:
    worker = with_broker.start_worker()

    status = worker.stop()

    assert status == 0
    assert with_broker.workers() == []


def test_sigterm_gives_the_job_back_with_a_checkpoint(with_broker: Cluster, expected: str) -> None:
    worker = with_broker.start_worker(**DEAF)
    wait_until(lambda: with_broker.broker.listeners() == 1)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    with_broker.ring(job_id)
    child = with_broker.child_pid("leading")

    status = worker.stop()

    job = with_broker.bench.job(job_id)
    assert status == 0
    assert not is_alive(child)
    assert (job.status, job.transitions[-1].reason, job.attempt) == ("queued", "worker_drained", 2)
    assert job.step > 0
    assert digest(with_broker.bench.lead()) == expected


def test_sigterm_to_the_whole_group_gives_the_job_back_too(with_broker: Cluster) -> None:
    worker = with_broker.start_worker(poll_seconds=0.3)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    with_broker.child_pid("leading")

    os.killpg(worker.process.pid, signal.SIGTERM)

    assert worker.process.wait(10) == 0
    assert with_broker.bench.job(job_id).transitions[-1].reason == "worker_drained"


def test_a_worker_of_other_numerics_leaves_the_job_and_says_in_what_it_differs(
    with_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, there = numerics(), numerics(**{TUNABLES: WITHOUT_FMA})
    if began.parts == there.parts:
        pytest.skip("needs glibc, on a processor with FMA")
    worker = with_broker.start_worker(**PROMPT)
    job_id = with_broker.bench.submit(MOONS, **LONG)
    with_broker.child_pid("leading")
    worker.stop()
    monkeypatch.setenv(TUNABLES, WITHOUT_FMA)

    with_broker.start_worker(**PROMPT)

    wait_until(lambda: with_broker.bench.job(job_id).status_reason == "numerics_unavailable")
    message = with_broker.bench.job(job_id).status_message or ""
    assert f"C library ({began.parts['c_library'][:SHOWN_DIGITS]} began it" in message
    assert there.parts["c_library"][:SHOWN_DIGITS] in message
    assert TUNABLES in message
    assert "BLAS" not in message


def test_without_a_broker_jobs_are_found_and_a_late_broker_is_heard(cluster: Cluster) -> None:
    cluster.start_worker(poll_seconds=4.0)
    found = cluster.bench.submit(LINE)
    wait_until(lambda: is_over(cluster, found))

    cluster.broker.start()
    wait_until(lambda: cluster.broker.listeners() == 1)
    for _ in range(3):
        job_id = cluster.bench.submit(LINE)
        cluster.ring(job_id)
        wait_until(partial(is_over, cluster, job_id))
    wait_until(lambda: not cluster.broker.waiting())


def test_a_child_that_dies_while_the_broker_is_away_is_replaced(cluster: Cluster) -> None:
    worker = cluster.start_worker(poll_seconds=0.3)
    child = cluster.child_pid("idle")

    os.kill(child, signal.SIGKILL)
    job_id = cluster.bench.submit(LINE)
    wait_until(lambda: is_over(cluster, job_id))

    status = worker.stop()
    assert status == 0


def test_a_broker_that_restarts_is_heard_again(with_broker: Cluster) -> None:
    with_broker.start_worker(**DEAF)
    wait_until(lambda: with_broker.broker.listeners() == 1)

    with_broker.broker.kill()
    time.sleep(0.5)
    with_broker.broker.start()
    wait_until(lambda: with_broker.broker.listeners() == 1)
    job_id = with_broker.bench.submit(LINE)
    with_broker.ring(job_id)

    wait_until(lambda: is_over(with_broker, job_id), 5)


@pytest.mark.timeout(120)
def test_a_killed_helper_costs_no_bits(with_broker: Cluster, expected: str) -> None:
    for _ in range(2):
        with_broker.start_worker(poll_seconds=0.3, group_helpers="all")
    job_id = with_broker.bench.submit(MOONS, **LONG, workers=2)

    helper = with_broker.child_pid("helping")
    wait_until(lambda: with_broker.bench.job(job_id).workers_active == 2)
    os.kill(helper, signal.SIGKILL)
    wait_until(lambda: is_over(with_broker, job_id), 60)

    job = with_broker.bench.job(job_id)
    assert job.attempt == 1
    assert digest(job) == expected
    assert {"member_joined", "member_left"} <= set(with_broker.bench.events(job_id))
