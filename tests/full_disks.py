"""Databases whose disk is full, for real: SQLite that may not grow, PostgreSQL whose table says so.

SQLite's own limit of pages is refused with the error of a full disk. PostgreSQL's disk would be that of the
whole cluster: there a trigger raises the error that a full one does.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from lockstep.service.store.database import Database

TRIGGER = (
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$",
    "CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()",
)
TABLES = ("jobs", "checkpoint_parts", "blob_parts", "history")
"""What takes room; PostgreSQL's small updates go on for long."""


@contextmanager
def full_disk(database: Database, room: int = 0) -> Iterator[Callable[[], None]]:
    """Until the block ends or calls what it is given: room for no more than `room` pages of SQLite's."""
    with database.read() as tx:
        is_sqlite = tx.dialect.name == "sqlite"
    lift = _no_more_pages(database, room) if is_sqlite else _refusing(database)
    lifted = threading.Lock()

    def lift_once() -> None:
        if lifted.acquire(blocking=False):
            lift()

    try:
        yield lift_once
    finally:
        lift_once()


def _no_more_pages(database: Database, room: int) -> Callable[[], None]:
    # A limit of pages is a connection's own: each gets it when it is taken from the pool.
    engine = database._engine
    with engine.connect().execution_options(lockstep_begin=()) as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    most = [pages + room]

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    event.listen(engine, "checkout", limit)
    return lambda: most.__setitem__(0, 2**31)


def _refusing(database: Database) -> Callable[[], None]:
    with database.write() as tx:
        tx.execute(text(TRIGGER[0]))
        for table in TABLES:
            tx.execute(text(TRIGGER[1].format(table=table)))

    def lift() -> None:
        with database.write() as tx:
            tx.execute(text("DROP FUNCTION full_disk CASCADE"))

    return lift


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system of that size on `folder`, in memory; where this user can't mount one, no test."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    options = f"size={size_bytes}"
    line = ["mount", "-t", "tmpfs", "-o", options, "lockstep-small-disk", str(folder)]
    if subprocess.run(line, capture_output=True, check=False, timeout=10).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
