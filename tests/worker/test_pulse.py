"""A thread that gives no sign of life for its limit is found; one that does, or does nothing, never."""

import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lockstep.worker.pulse import HUNG_STATUS, Pulse, Watchdog

LOOK_SECONDS = 0.02
LIMIT_SECONDS = 0.2
SECONDS = 20.0

HANGS = """
import threading, time
from lockstep.worker.pulse import Pulse, Watchdog, end_process
pulse = Pulse()
Watchdog(pulse, end_process, look_seconds=0.02).start()
with pulse.at("steps", 0.2):
    time.sleep(30)
"""
KEEPS_THE_LOCK = """
import ctypes, time
from lockstep.worker.pulse import Pulse, Watchdog, end_process, end_process_without_looks
Watchdog(Pulse(), end_process, lambda pulse: end_process_without_looks(pulse, 0.5), 0.02).start()
time.sleep(0.2)
ctypes.PyDLL(None).sleep(30)
"""


@pytest.fixture
def found() -> "queue.Queue[str]":
    return queue.Queue()


@pytest.fixture
def looks() -> list[Pulse]:
    return []


@pytest.fixture
def pulse(found: "queue.Queue[str]", looks: list[Pulse]) -> Iterator[Pulse]:
    pulse = Pulse()
    watchdog = Watchdog(pulse, lambda hung: found.put(hung.doing), looks.append, LOOK_SECONDS)
    watchdog.start()
    yield pulse
    watchdog.stop()


def test_no_sign_of_life_is_found(pulse: Pulse, found: "queue.Queue[str]", looks: list[Pulse]) -> None:
    looks.clear()

    with pulse.at("steps", LIMIT_SECONDS):
        assert found.get(timeout=SECONDS) == "steps"

    assert len(looks) >= LIMIT_SECONDS / LOOK_SECONDS


def test_signs_of_life_or_the_next_work_keep_it_quiet(pulse: Pulse, found: "queue.Queue[str]") -> None:
    until = time.monotonic() + 3 * LIMIT_SECONDS
    with pulse.at("steps", LIMIT_SECONDS):
        while time.monotonic() < until:
            pulse.beat()
            time.sleep(LOOK_SECONDS)
    for _ in range(20):
        with pulse.at("steps", LIMIT_SECONDS):
            time.sleep(LIMIT_SECONDS / 5)

    assert found.empty()


def test_who_does_nothing_that_is_watched_may_be_silent(pulse: Pulse, found: "queue.Queue[str]") -> None:
    with pulse.at("steps", LIMIT_SECONDS):
        pass

    time.sleep(3 * LIMIT_SECONDS)

    assert found.empty()


def test_the_process_ends_and_says_where_it_was() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=SECONDS)

    assert ended.returncode == HUNG_STATUS
    assert "action=hung doing=steps" in ended.stderr
    assert 'File "<string>", line 7' in ended.stderr


def test_a_call_that_keeps_the_interpreters_lock_ends_the_process_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KEEPS_THE_LOCK], capture_output=True, text=True, timeout=SECONDS
    )

    assert ended.returncode == 1
    assert 'File "<string>", line 6' in ended.stderr


def test_a_process_that_was_frozen_goes_on() -> None:
    """Its lease speaks for what it holds; the watchdog counts its own looks alone."""
    code = HANGS.replace("sleep(30)", f"sleep({6 * LIMIT_SECONDS})").replace("0.2)", f"{10 * LIMIT_SECONDS})")
    process = subprocess.Popen(
        [sys.executable, "-c", code + "print('on')"], stdout=subprocess.PIPE, text=True
    )
    time.sleep(3 * LIMIT_SECONDS)

    process.send_signal(signal.SIGSTOP)
    time.sleep(12 * LIMIT_SECONDS)
    process.send_signal(signal.SIGCONT)

    said, _ = process.communicate(timeout=SECONDS)
    assert said == "on\n"
