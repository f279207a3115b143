"""A full disk costs time and no job: claims are given back, none are taken, all goes on to the same bits."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.reconciler import Reconciler
from lockstep.service.store import blobs, disk
from lockstep.worker.attempt import lead_job
from lockstep.worker.runner import Runner
from tests.full_disks import full_disk
from tests.worker.bench import MOONS, Bench, digest, never

ROOMS = (0, 1, 2, 3, 5, 8, 13, 21)
"""Pages of 4 KiB that are left: enough for a claim, for a report, for a checkpoint, for the result."""


@pytest.fixture
def hasty(bench: Bench) -> Bench:
    """A worker with a short lease: it gives up after 0.8 s."""
    short = bench.settings.model_copy(update={"lease_seconds": 1.0, "renew_seconds": 0.3})
    return replace(bench, settings=short)


def fill(bench: Bench) -> None:
    """Have a write refused."""
    with pytest.raises(SQLAlchemyError), bench.database.write() as tx:
        blobs.put(tx, bytes(range(256)) * 4096)


@pytest.mark.parametrize("room", ROOMS)
def test_a_claim_is_given_back_and_the_job_ends_when_there_is_room(
    hasty: Bench, room: int, caplog: pytest.LogCaptureFixture
) -> None:
    hasty.submit(MOONS)
    undisturbed = hasty.lead()
    job_id = hasty.submit(MOONS)
    lease = hasty.claim()

    with full_disk(hasty.database, room) as lift, caplog.at_level(logging.INFO):
        # Room comes only after the lease has run out, while the worker waits for it.
        timer = threading.Timer(1.5, lift)
        timer.start()
        lead_job(lease, hasty.tools(), never)
        timer.join()

    job = hasty.job(job_id)
    assert caplog.text.count("action=disk_full") <= 1
    assert room > 0 or not job.is_terminal
    if not job.is_terminal:
        assert (job.status, job.status_reason, job.attempt) == ("queued", "disk_full", 2)
        job = hasty.lead()
    assert (job.status, job.error) == ("succeeded", None)
    assert digest(job) == digest(undisturbed)
    assert {name: points.values.tobytes() for name, points in hasty.history(job_id).items()} == {
        name: points.values.tobytes() for name, points in hasty.history(undisturbed.id).items()
    }


def test_three_full_disks_do_not_end_a_job(hasty: Bench) -> None:
    job_id = hasty.submit(MOONS)
    for _ in range(4):
        lease = hasty.claim()
        with full_disk(hasty.database) as lift:
            fill(hasty)
            timer = threading.Timer(1.2, lift)
            timer.start()
            Reconciler(hasty.database, hasty.bell, 600).tick()
            lead_job(lease, hasty.tools(), never)
            timer.join()
        assert hasty.job(job_id).status in ("queued", "succeeded")
        if hasty.job(job_id).is_terminal:
            return
    assert hasty.lead().status == "succeeded"


def test_nobody_is_evicted_while_there_is_no_room(hasty: Bench) -> None:
    job_id = hasty.submit(MOONS)
    hasty.claim()
    reconciler = Reconciler(hasty.database, hasty.bell, 600)
    with full_disk(hasty.database):
        fill(hasty)
        time.sleep(hasty.settings.lease_seconds + 0.1)
        reconciler.tick()
        assert hasty.job(job_id).status == "running"


def test_no_job_is_claimed_while_there_is_no_room(
    hasty: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk, "REMEMBERED_SECONDS", 1.0)
    job_id = hasty.submit(MOONS)
    with full_disk(hasty.database):
        fill(hasty)
    settings = hasty.settings.model_copy(update={"poll_seconds": 0.05})
    runner = Runner(hasty.tools(settings=settings))
    with caplog.at_level(logging.INFO):
        runner.start()
        try:
            until = time.monotonic() + 20
            while "action=room_again" not in caplog.text:
                assert time.monotonic() < until
                assert hasty.job(job_id).status == "queued" or "action=room_again" in caplog.text
            while not hasty.job(job_id).is_terminal:
                assert time.monotonic() < until
        finally:
            runner.drain()
            runner.join(20)
    assert caplog.text.count("action=no_room") == 1
    assert hasty.job(job_id).attempt == 1
