"""Rings through a broker that is there, away, back, silent or full."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lockstep.service import bell
from lockstep.service.bell import Ringer
from tests.effort import calls_of
from tests.service.broker import Broker, wait_until
from tests.service.conftest import NO_BROKER

MAX_CALLS = 50
"""To note a ring. To publish one, or to connect, takes thousands."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that is there."""
    broker = Broker(tmp_path)
    broker.come()
    yield broker
    broker.go()


def test_a_ring_is_a_task_with_a_job_id_in_the_queue_of_its_name(broker: Broker) -> None:
    with Ringer(broker.url) as ringer:
        ringer.ring("lead", "job_1")
        ringer.ring("help", "job_2")
        wait_until(lambda: broker.rings("help") == [("help", ["job_2"])])
        assert broker.rings("lead") == [("lead", ["job_1"])]


def test_another_programs_broker_is_not_rung(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        monkeypatch.setenv(name, NO_BROKER)
    with Ringer(broker.url) as ringer:
        ringer.ring("lead", "job_1")
        wait_until(lambda: broker.rings("lead") == [("lead", ["job_1"])])


def test_rings_that_wait_are_published_at_the_end(broker: Broker) -> None:
    with Ringer(broker.url) as ringer:
        ringer.ring("lead", "job_1")
        ringer.ring("lead", "job_1")
        ringer.ring("lead", "job_2")
    ids = [arguments for _, arguments in broker.rings("lead")]
    assert ids in ([["job_1"], ["job_2"]], [["job_1"], ["job_1"], ["job_2"]])


def test_nobody_waits_for_a_broker_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Ringer(NO_BROKER) as ringer:
        for number in range(2 * bell.MAX_PENDING_RINGS):
            assert calls_of(partial(ringer.ring, "lead", f"job_{number}")) < MAX_CALLS
        wait_until(lambda: "action=broker_away" in caplog.text)
    assert caplog.text.count("action=broker_away") == 1


def test_nobody_waits_for_a_broker_that_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with Ringer(f"redis://127.0.0.1:{silent.getsockname()[1]}/0") as ringer:
            assert calls_of(partial(ringer.ring, "lead", "job_1")) < MAX_CALLS


def test_rings_come_through_when_the_broker_is_back(
    broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "RETRY_SECONDS", 0.05)
    broker.go()
    with caplog.at_level(logging.INFO), Ringer(broker.url) as ringer:
        ringer.ring("lead", "job_1")
        wait_until(lambda: "action=broker_away" in caplog.text)
        broker.come()
        wait_until(lambda: broker.rings("lead") == [("lead", ["job_1"])])
        wait_until(lambda: "action=broker_back" in caplog.text)
        ringer.ring("lead", "job_2")
        wait_until(lambda: broker.rings("lead")[1:] == [("lead", ["job_2"])])


def test_a_queue_that_nobody_empties_does_not_grow(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "MAX_WAITING_RINGS", 3)
    with Ringer(broker.url) as ringer:
        for number in range(5):
            ringer.ring("help", f"job_{number}")
        ringer.ring("lead", "job_5")
        wait_until(lambda: len(broker.rings("lead")) == 1)
    assert len(broker.rings("help")) == 3
