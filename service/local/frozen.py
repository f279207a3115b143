"""Finding the process that is frozen inside a write transaction of SQLite, for which all others wait.

SQLite takes POSIX locks on bytes of the -shm file, and the kernel tells who holds one. The supervisor has no
connection to the database while it looks: closing a file drops the locks that a process has on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.4
"""Less than the supervisor sleeps: it looks each time that it wakes."""
FROZEN_LOOKS = 8
"""Looks, not seconds: a supervisor that was frozen itself has not looked meanwhile."""
_WRITE_LOCK = 120
"""The byte of the -shm file that the one writer has locked (SQLite's WALINDEX_LOCK_OFFSET)."""
# Linux's struct flock: type, whence, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")


@dataclass(frozen=True, kw_only=True)
class Held:
    """Who holds the write lock, and how often its threads have been given a processor and left it again."""

    pid: int
    switches: int


def holder_of_write_lock(shm: Path) -> int | None:
    """The process that is in a write transaction of the database with this -shm file; None: nobody known.

    Linux only.
    """
    if not sys.platform.startswith("linux"):
        return None
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _WRITE_LOCK, 1, 0)
    try:
        with shm.open("rb+") as file:
            kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:  # no database there yet
        return None
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


class FrozenWriter:
    """Looks at the write lock of the database at `path`.

    A process is frozen (SIGSTOP, a cgroup's freezer, a debugger) when none of its threads has run between
    looks. One that computes, or waits for a slow disk, has threads that run.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._shm = path.with_name(f"{path.name}-shm")
        self._monotonic = monotonic
        self._due_at = monotonic()
        self._seen: Held | None = None
        self._looks = 0

    def look(self) -> int | None:
        """The process that is frozen inside a write transaction; None: none, or it is not time to look."""
        now = self._monotonic()
        if now < self._due_at:
            return None
        self._due_at = now + LOOK_SECONDS
        pid = holder_of_write_lock(self._shm)
        held = None if pid is None else Held(pid=pid, switches=_switches(pid))
        self._looks = self._looks + 1 if held == self._seen else 0
        self._seen = held
        return held.pid if held is not None and self._looks >= FROZEN_LOOKS else None

    @property
    def suspects(self) -> bool:
        """Whether the latest look may have seen a frozen writer: then it is no time to wait for the lock."""
        return self._seen is not None and (self._looks > 0 or _is_stopped(self._seen.pid))


def _is_stopped(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # gone meanwhile
        return False
    return state in "Tt"


def _switches(pid: int) -> int:
    """How many context switches the process's threads have behind them."""
    count = 0
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            lines = (thread / "status").read_text(errors="replace").splitlines()
            count += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return count
