"""A SQLite file does not grow for what is deleted, and gets shorter again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from lockstep.service.retention import Ages, Pruning, Retention
from lockstep.service.store import blobs
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import migrate
from lockstep.service.store.space import MIN_SLACK_PAGES, SLACK_SHARE, Room, make_shrinkable, room_of
from lockstep.service.store.tables import blob_parts

MEBIBYTE = 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lockstep.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    migrate(f"sqlite:///{path}")
    database = Database(f"sqlite:///{path}", checkpoints_wal=True)
    yield database
    database.dispose()


def fill(database: Database, mebibytes: int) -> None:
    with database.write() as tx:
        for number in range(mebibytes):
            blobs.put(tx, number.to_bytes(4, "big") * (MEBIBYTE // 4))


def empty(database: Database) -> None:
    with database.write() as tx:
        tx.execute(delete(blob_parts))


def room(database: Database) -> Room:
    with database.read() as tx:
        found = room_of(tx)
    assert found is not None
    return found


def test_a_new_file_can_shrink(database: Database) -> None:
    assert room(database).shrinks


def test_free_pages_are_given_back_but_a_tenth(database: Database, path: Path) -> None:
    fill(database, 64)
    grown = room(database).pages
    empty(database)
    assert room(database).free_pages > 0.9 * grown
    work = Retention(database, Ages())
    pieces = 0
    while work.piece():
        pieces += 1

    left = room(database)
    assert pieces > 3
    assert left.free_pages <= max(MIN_SLACK_PAGES, SLACK_SHARE * left.pages)
    assert left.pages < 0.2 * grown
    database.dispose()
    assert path.stat().st_size == left.pages * left.page_bytes
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_pruning_gives_all_of_it_back(database: Database) -> None:
    fill(database, 8)
    empty(database)

    Pruning(database, Ages()).run()

    assert room(database).free_pages == 0


def test_what_is_free_is_used_again(database: Database) -> None:
    fill(database, 2)
    pages = room(database).pages
    for _ in range(5):
        empty(database)
        fill(database, 2)

    assert room(database).pages <= pages + 8


def test_a_file_of_a_version_before_is_made_to_shrink_once(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    migrate(f"sqlite:///{path}")
    database = Database(f"sqlite:///{path}")
    fill(database, 2)
    assert not room(database).shrinks
    assert Retention(database, Ages()).piece() is False
    database.dispose()

    assert make_shrinkable(path, most_bytes=1000) is False
    assert make_shrinkable(path) is True
    assert make_shrinkable(path) is False

    database = Database(f"sqlite:///{path}")
    with database.read() as tx:
        assert tx.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        assert blobs.get(tx, blobs.name_of(bytes(MEBIBYTE))) == bytes(MEBIBYTE)
    assert room(database).shrinks
    database.dispose()


def test_without_room_on_the_disk_it_is_left_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(free=path.stat().st_size))

    assert make_shrinkable(path) is False


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free
