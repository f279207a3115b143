"""The write-ahead log of SQLite is copied where somebody has written, and does not grow on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, event, select

from lockstep.service.store import blobs, wal
from lockstep.service.store.database import Database
from lockstep.service.store.tables import blob_parts, workers

MEBIBYTE = 2**20
END_SECONDS = 60.0


@contextmanager
def checkpoints() -> Iterator[list[str]]:
    """The checkpoints that are run within it."""
    found: list[str] = []

    def note(_: Connection, __: object, statement: str, *___: object) -> None:
        if "wal_checkpoint" in statement:
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def api(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database as the API process has it, which looks at the log after each write."""
    monkeypatch.setattr(wal, "EVERY_SECONDS", 0.0)
    database = Database(sqlite_url, checkpoints_wal=True)
    yield database
    database.dispose()


def log_of(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///") + "-wal")


def test_a_log_that_was_copied_whole_is_left_alone_until_somebody_writes(
    api: Database, sqlite_url: str
) -> None:
    worker = Database(sqlite_url)
    with worker.write() as tx:
        blobs.put(tx, bytes(5 * MEBIBYTE))
    with checkpoints() as found:
        for _ in range(3):
            with api.write() as tx:
                tx.execute(select(workers))
        assert found == ["PRAGMA wal_checkpoint(PASSIVE)"]
        with worker.write() as tx:
            tx.execute(delete(blob_parts))
        with api.write() as tx:
            tx.execute(select(workers))
        assert len(found) == 2
    worker.dispose()


def test_the_log_begins_anew_though_others_write_without_a_pause(
    api: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "WAL_SIZE_LIMIT_BYTES", 8 * MEBIBYTE)
    worker, log = Database(sqlite_url), log_of(sqlite_url)
    written = threading.Event()

    def write() -> None:
        for number in range(150):
            with worker.write() as tx:
                tx.execute(delete(blob_parts))
                blobs.put(tx, number.to_bytes(4, "big") * (MEBIBYTE // 4))
            time.sleep(0.002)  # SQLite has no queue: else nobody beside it comes to write at all
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    sizes = []
    with checkpoints() as found:
        number = 0
        while not written.wait(0.001):
            number += 1
            with api.write() as tx:
                blobs.put(tx, b"%d" % number)
            sizes.append(log.stat().st_size)
    writer.join(END_SECONDS)
    worker.dispose()

    assert "PRAGMA wal_checkpoint(RESTART)" in found
    assert max(sizes) < 100 * MEBIBYTE
