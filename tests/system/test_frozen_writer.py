"""A worker that is frozen inside a write transaction of SQLite holds everybody up for seconds."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lockstep.service.local.frozen import holder_of_write_lock
from tests.local_service import LocalService, is_alive, local_service, wait_until
from tests.system.test_local import LONG

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's kernel"),
]

CATCH_SECONDS = 60.0
FREED_SECONDS = 10.0
ROUNDS = 2


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    with local_service(tmp_path / "data", workers=2) as running:
        yield running


def freeze_inside_a_transaction(service: LocalService, pids: list[int]) -> int:
    """Stop one of the processes while it holds the write lock; which."""
    shm = service.directory / "lockstep.db-shm"
    until = time.monotonic() + CATCH_SECONDS
    while time.monotonic() < until:
        pid = holder_of_write_lock(shm)
        if pid not in pids:
            continue
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.01)
        if holder_of_write_lock(shm) == pid:
            return pid
        os.kill(pid, signal.SIGCONT)
    raise AssertionError(f"none of {pids} was caught inside a transaction within {CATCH_SECONDS} s")


def is_gone(pid: int) -> bool:
    return not is_alive(pid)


def test_a_worker_frozen_inside_a_write_transaction_is_ended(service: LocalService) -> None:
    job_id = service.client.create_job(LONG)["id"]
    wait_until(lambda: service.client.job(job_id)["progress"]["step"] > 0, 60)

    for _ in range(ROUNDS):
        frozen = freeze_inside_a_transaction(service, service.pids("pool child"))
        wait_until(partial(is_gone, frozen), FREED_SECONDS)
        # Nobody writes before: what this makes is durable.
        other = service.client.create_job(LONG | {"epochs": 1})
        assert other["status"] == "queued"

    log = (service.directory / "logs" / "api.log").read_text()
    assert "request_failed" not in log
    wait_until(lambda: service.client.job(job_id)["is_terminal"], 120)
    assert service.client.job(job_id)["status"] == "succeeded"
