"""Logs of a local service stay short, and no line is lost on the way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockstep.service.local import child, logs
from lockstep.service.local.child import Child, Program
from lockstep.service.local.logs import KEPT_LOGS, rotate

LINES = 3000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_short_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * 10)

    assert rotate(log, 10) is False
    assert rotate(tmp_path / "none.log", 10) is False

    assert names(tmp_path) == ["api.log"]


def test_a_long_log_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    for turn in range(KEPT_LOGS + 2):
        log.write_bytes(b"%d" % turn * 11)
        assert rotate(log, 10) is True

    assert names(tmp_path) == ["api.log", *(f"api.log.{number + 1}" for number in range(KEPT_LOGS))]
    assert log.read_bytes() == b""
    assert (tmp_path / "api.log.1").read_bytes() == b"3" * 11
    assert (tmp_path / "api.log.2").read_bytes() == b"2" * 11


def test_a_log_that_can_not_be_copied_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * 11)
    (tmp_path / ".api.log.partial").mkdir()

    assert rotate(log, 10) is False

    assert log.read_bytes() == b"x" * 11


def test_a_process_that_writes_on_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is emptied under a writer that keeps its descriptor."""
    monkeypatch.setattr(logs, "KEPT_LOGS", 1000)
    log = tmp_path / "writer.log"
    code = f"import time\nfor number in range({LINES}):\n print(number, flush=True); time.sleep(0.0005)"
    with log.open("ab") as stream:
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=stream)
    turns = 0
    while writer.poll() is None:
        turns += rotate(log, 500)
        time.sleep(0.02)
    writer.wait(30)

    found = [int(line) for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert turns > 3
    # One line may come between the copy and the emptying each time, and hardly ever does.
    assert len(set(found)) >= LINES - turns
    assert len(found) == len(set(found))


def test_a_child_keeps_its_log_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(logs.rotate, "__defaults__", (1000,))
    program = Program(
        name="talker",
        command=[sys.executable, "-c", "print('x' * 5000, flush=True); import time; time.sleep(60)"],
        environment={},
        log_path=tmp_path / "talker.log",
    )
    one = Child(program=program)
    one.start()
    deadline = time.monotonic() + 20
    try:
        while not (tmp_path / "talker.log.1").exists():
            assert time.monotonic() < deadline
            one.tend()
            time.sleep(0.02)
    finally:
        one.terminate()
        one.wait(time.monotonic() + 5)

    assert program.log_path.stat().st_size < 1000
