"""SQLite's write-ahead log: copied into the database file by one process alone, and kept from growing on.

SQLite before 3.51.3 may corrupt a database where a checkpoint runs on a log that one before has copied to its
end already, while another connection begins that log anew (https://sqlite.org/wal.html#walresetbug). So one
process checkpoints, one thread of it at a time, and never where nobody has written since the last whole one.
"""

import logging
import threading
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.store.disk import Disk
from lockstep.service.store.engines import BUSY_TIMEOUT_SECONDS, WAL_SIZE_LIMIT_BYTES

logger = logging.getLogger(__name__)

CHECKPOINT_BYTES = 4 * 2**20
EVERY_SECONDS = 5.0
TRIES = 4
WAIT_SECONDS = 0.2
"""The most that writers wait at a try, for a log that would else grow for ever."""


class WriteAheadLog:
    """The log at `path`, of the process that checkpoints it; for any thread."""

    def __init__(self, engine: Engine, path: Path, disk: Disk) -> None:
        self._engine = engine
        self._path = path
        self._disk = disk
        self._lock = threading.Lock()
        self._due_at = 0.0
        self._seen_at = self._written_at()

    def copy_if_due(self) -> None:
        """Copy a long log into the database file, if anybody has written since it was last copied to its end.

        What was committed stays so if that fails, for a full disk say: a later one does it.
        """
        if time.monotonic() < self._due_at or not self._lock.acquire(blocking=False):
            return
        try:
            self._due_at = time.monotonic() + EVERY_SECONDS
            if self._written_at() != self._seen_at and self._path.stat().st_size > CHECKPOINT_BYTES:
                with self._engine.connect().execution_options(lockstep_begin=()) as connection:
                    self._copy(connection)
        except SQLAlchemyError as error:
            self._disk.refused(error)
            logger.warning("action=wal_checkpoint_failed error=%s: the log stays as it is", error)
        finally:
            self._lock.release()

    def _written_at(self) -> int | None:
        """The time of the last commit, as the file has it; None without a log."""
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _copy(self, connection: Connection) -> None:
        """Copy it. Where nobody has written meanwhile that was to its end, and it begins anew.

        Nobody waits for that. Where others write without a pause, and the log is too long by now, they wait
        for the rest of it: that checkpoint holds the lock of writers, so it may follow the first at once.
        """
        before = self._written_at()
        is_whole = _is_whole(connection, "PASSIVE")
        is_long = self._path.stat().st_size > WAL_SIZE_LIMIT_BYTES
        if is_long and not (is_whole and self._written_at() == before):
            is_whole = _copied_alone(connection)
        if is_whole:
            # After it: a commit that came since is noticed with the next one, and none that was copied is.
            self._seen_at = self._written_at()


def _is_whole(connection: Connection, mode: str) -> bool:
    """Checkpoint; whether the log was copied to its end."""
    busy, pages, copied = connection.execute(text(f"PRAGMA wal_checkpoint({mode})")).one()
    return not busy and bool(copied == pages)


def _copied_alone(connection: Connection) -> bool:
    connection.execute(text(f"PRAGMA busy_timeout={int(1000 * WAIT_SECONDS)}"))
    try:
        return any(_is_whole(connection, "RESTART") for _ in range(TRIES))
    finally:
        connection.execute(text(f"PRAGMA busy_timeout={int(1000 * BUSY_TIMEOUT_SECONDS)}"))
