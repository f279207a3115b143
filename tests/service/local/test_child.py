from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.service.local.child import Child, Program
from lockstep.service.local.signals import Signals
from tests.local_service import is_alive

SLEEPER = "import time; time.sleep(60)"
ROOT = Path(__file__).parents[3]
LONGER_THAN_A_TEST_SECONDS = 3600


def make_child(tmp_path: Path, script: str, on_death: Callable[[], None] | None = None) -> Child:
    program = Program(
        name="sleeper",
        command=[sys.executable, "-c", script],
        environment=dict(os.environ),
        log_path=tmp_path / "sleeper.log",
    )
    return Child(program=program, on_death=on_death)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_dead_child_is_started_again_after_a_pause(tmp_path: Path) -> None:
    deaths: list[int] = []
    child = make_child(tmp_path, SLEEPER, on_death=lambda: deaths.append(1))
    child.start()
    first = pid_of(child)

    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while child.process is None or child.process.pid == first:
        assert time.monotonic() < deadline
        child.tend()
        time.sleep(0.01)

    assert (deaths, child.restarts) == ([1], 1)
    child.terminate()
    child.wait(time.monotonic() + 5)


def test_a_child_that_dies_at_once_is_started_ever_more_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = make_child(tmp_path, "raise SystemExit(3)")
    child.start()
    with caplog.at_level("INFO"):
        deadline = time.monotonic() + 20
        while child.restarts < 3:
            assert time.monotonic() < deadline
            child.tend()
            time.sleep(0.01)

    assert re.findall(r"restart_in_seconds=(\S+)", caplog.text)[:3] == ["0.2", "0.4", "0.8"]
    child.wait(time.monotonic() + 5)


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); "
    child = make_child(tmp_path, deaf + SLEEPER)
    child.start()
    wait_until(lambda: "up" in child.log_tail())

    child.terminate()
    child.wait(time.monotonic() + 0.2)

    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_child_has_started_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); print(p.pid, flush=True); time.sleep(60)"
    )
    child = make_child(tmp_path, script)
    child.start()
    wait_until(lambda: child.log_tail().strip().isdigit())
    grandchild = int(child.log_tail())

    child.terminate()
    child.wait(time.monotonic() + 5)

    wait_until(lambda: not is_alive(grandchild))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help is Linux's alone")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from tests.service.local.test_child import SLEEPER, make_child
child = make_child(Path({str(tmp_path)!r}), SLEEPER)
child.start()
print(child.process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)

        parent.kill()
        parent.wait(5)

    wait_until(lambda: not is_alive(pid))


def test_a_signal_ends_the_wait_and_is_counted() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        signals.wait(LONGER_THAN_A_TEST_SECONDS)

    assert signals.stops == 1


def test_a_childs_death_ends_the_wait_and_is_not_counted(tmp_path: Path) -> None:
    with Signals() as signals:
        child = make_child(tmp_path, "pass")
        child.start()
        signals.wait(LONGER_THAN_A_TEST_SECONDS)
        child.wait(time.monotonic() + 5)

    assert signals.stops == 0
