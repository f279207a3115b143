"""Whether the database has room to write: what its errors say of it, and what its file system has left."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

MIN_FREE_BYTES = 8 * 2**20
"""With less on the disk of a SQLite file there is no room: one part of a blob or checkpoint takes it."""
REMEMBERED_SECONDS = 10.0
"""How long a refused write counts, unless a later one has gone through: small ones find a place for long."""
DISK_FULL_SQLSTATE = "53100"

# The -shm file can't be made or grow: SQLite has no word of its own for it.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def says_disk_full(error: BaseException) -> bool:
    """Whether that is what the database refused for, be it SQLAlchemy's error or the driver's."""
    found = getattr(error, "orig", None) or error
    if isinstance(found, sqlite3.Error):
        return getattr(found, "sqlite_errorcode", None) in _NO_ROOM
    return getattr(found, "sqlstate", None) == DISK_FULL_SQLSTATE


class Disk:
    """What one process knows of the room of its database; for any thread.

    `folder` holds a SQLite file; None: the file system is another machine's, and only refusals tell.
    """

    def __init__(self, folder: Path | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._refused_at: float | None = None

    def refused(self, error: BaseException) -> None:
        """Take note of a write that failed."""
        if says_disk_full(error):
            self._refused_at = self._monotonic()

    def shortage(self) -> str | None:
        """Why nothing should be written now, in words; None where there is room, as far as can be known."""
        if self._folder is not None:
            free = _free_bytes(self._folder)
            if free is not None and free < MIN_FREE_BYTES:
                return (
                    f"the disk of the database is full: {self._folder} has {free / 2**20:.1f} MiB left, and "
                    f"{MIN_FREE_BYTES // 2**20} are needed; make room there"
                )
        if self._refused_at is not None and self._monotonic() - self._refused_at < REMEMBERED_SECONDS:
            return "the disk of the database is full: it has just refused to store something; make room there"
        return None


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # the folder itself is gone, which the database tells better
        return None
