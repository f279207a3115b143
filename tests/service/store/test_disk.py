"""A full disk is told from other faults, and the room comes back."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lockstep.service.store import blobs
from lockstep.service.store.database import Database
from lockstep.service.store.disk import MIN_FREE_BYTES, REMEMBERED_SECONDS, Disk, says_disk_full
from tests.full_disks import full_disk, small_disk

MANY = bytes(range(256)) * 4096


def put(database: Database, data: bytes = MANY) -> str:
    with database.write() as tx:
        return blobs.put(tx, data)


def full_error() -> Exception:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return OperationalError("INSERT", {}, error)


def test_a_refusal_for_want_of_room_is_told_from_others(database: Database) -> None:
    with full_disk(database), pytest.raises(SQLAlchemyError) as refused:
        put(database)
    assert says_disk_full(refused.value)
    assert "it has just refused" in str(database.shortage())

    with pytest.raises(SQLAlchemyError) as other, database.write() as tx:
        tx.execute(text("INSERT INTO nowhere VALUES (1)"))
    assert not says_disk_full(other.value)
    assert not says_disk_full(ValueError("full"))


def test_what_was_there_stays_and_room_is_used_again(database: Database) -> None:
    before = put(database, b"before")
    with full_disk(database):
        for _ in range(3):
            with pytest.raises(SQLAlchemyError):
                put(database)
        with database.read() as tx:
            assert blobs.get(tx, before) == b"before"
    name = put(database)
    with database.read() as tx:
        assert blobs.get(tx, name) == MANY


def test_a_refusal_counts_for_some_seconds() -> None:
    now = [100.0]
    disk = Disk(None, lambda: now[0])
    assert disk.shortage() is None
    disk.refused(ValueError("locked"))
    assert disk.shortage() is None
    disk.refused(full_error())
    assert disk.shortage() is not None
    now[0] += REMEMBERED_SECONDS - 0.1
    assert disk.shortage() is not None
    now[0] += 0.2
    assert disk.shortage() is None


def test_a_folder_that_is_gone_is_no_full_disk(tmp_path: Path) -> None:
    assert Disk(tmp_path / "nowhere").shortage() is None
    assert Disk(tmp_path).shortage() is None


def test_a_file_system_without_room_is_seen_before_it_refuses(
    migrated_sqlite_path: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path, MIN_FREE_BYTES + 4 * 2**20) as folder:
        shutil.copyfile(migrated_sqlite_path, folder / "lockstep.db")
        database = Database(f"sqlite:///{folder}/lockstep.db")
        try:
            assert database.shortage() is None
            filler = folder / "filler"
            filler.write_bytes(bytes(5 * 2**20))
            assert f"{folder} has" in str(database.shortage())
            put(database, b"a little")
            filler.write_bytes(bytes(shutil.disk_usage(folder).free + filler.stat().st_size - 2**18))
            with pytest.raises(SQLAlchemyError) as refused:
                put(database)
            assert says_disk_full(refused.value)
            filler.unlink()
            assert put(database)
        finally:
            database.dispose()
