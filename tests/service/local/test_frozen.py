"""A process that is frozen inside a write transaction is found; one that works or sleeps there is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from lockstep.service.local.frozen import FROZEN_LOOKS, LOOK_SECONDS, FrozenWriter, holder_of_write_lock

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's kernel")

WRITER = """
import sqlite3, sys, threading, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("in", flush=True)
if sys.argv[2] == "beside":
    connection.execute("ROLLBACK")
    print("out", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def path(migrated_sqlite_path: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "lockstep.db"
    shutil.copyfile(migrated_sqlite_path, copy)
    return copy


@contextmanager
def writer(path: Path, how: str) -> Iterator[int]:
    """A process in a write transaction, or just after one."""
    line = [sys.executable, "-c", WRITER, str(path), how]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "in\n"
            if how == "beside":
                assert process.stdout.readline() == "out\n"
            yield process.pid
        finally:
            process.kill()


def freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < until
        time.sleep(0.01)


def looked(path: Path) -> list[int | None]:
    """What so many looks find, each after a moment of real time; the clock is the test's."""
    watch = FrozenWriter(path, (2 * LOOK_SECONDS * turn for turn in count()).__next__)
    found = []
    for _ in range(FROZEN_LOOKS + 1):
        found.append(watch.look())
        time.sleep(0.05)
    return found


def test_nobody_holds_the_lock_of_no_database(tmp_path: Path) -> None:
    assert holder_of_write_lock(tmp_path / "none-shm") is None
    assert set(looked(tmp_path / "none")) == {None}


def test_the_holder_of_the_lock_is_known(path: Path) -> None:
    with writer(path, "within") as pid:
        assert holder_of_write_lock(path.with_name("lockstep.db-shm")) == pid


def test_a_frozen_writer_is_found_after_enough_looks(path: Path) -> None:
    with writer(path, "within") as pid:
        freeze(pid)
        assert looked(path) == [None] * FROZEN_LOOKS + [pid]


def test_one_that_lives_is_left_alone_however_long_it_writes(path: Path) -> None:
    with writer(path, "within"):
        assert set(looked(path)) == {None}


def test_one_that_is_frozen_beside_a_transaction_is_left_alone(path: Path) -> None:
    with writer(path, "beside") as pid:
        freeze(pid)
        assert set(looked(path)) == {None}


def test_a_look_before_its_time_says_nothing(path: Path) -> None:
    with writer(path, "within") as pid:
        freeze(pid)
        watch = FrozenWriter(path, lambda: 1.0)
        assert {watch.look() for _ in range(3 * FROZEN_LOOKS)} == {None}
        assert watch.suspects
