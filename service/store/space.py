"""The room that a SQLite file takes. What is deleted leaves free pages; these are used again, and given back.

A file is made so that its free pages can be cut off its end a few at a time (auto_vacuum=INCREMENTAL). That
is a transaction like any other: it copies nothing from the write-ahead log, so the rule of one checkpointer
(database.py) holds. A file of a version before can only be made so by writing all of it anew.
"""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from lockstep.service.store.errors import StoreError

INCREMENTAL = 2
SLACK_SHARE = 0.1
"""The part of a file that may lie free: what comes next takes it without making the file longer."""
MIN_SLACK_PAGES = 1024
MAX_REWRITTEN_BYTES = 512 * 2**20
"""Files that are written anew at a start, which takes some seconds; of a longer one that has to be asked."""


class NotRewritten(StoreError):
    """The file is as it was."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How large a SQLite file is, and how much of it is free; `shrinks`: free pages can be given back."""

    page_bytes: int
    pages: int
    free_pages: int
    shrinks: bool

    @property
    def free_bytes(self) -> int:
        """Free for what comes next."""
        return self.free_pages * self.page_bytes

    @property
    def spare_pages(self) -> int:
        """Free pages that are worth giving back."""
        slack = max(MIN_SLACK_PAGES, int(SLACK_SHARE * self.pages))
        return max(0, self.free_pages - slack) if self.shrinks else 0


def room_of(tx: Connection) -> Room | None:
    """The room of a SQLite database; None on PostgreSQL, which sees to itself."""
    if tx.dialect.name != "sqlite":
        return None
    page_bytes, pages, free, mode = (
        tx.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
    )
    return Room(page_bytes=page_bytes, pages=pages, free_pages=free, shrinks=mode == INCREMENTAL)


def give_back(tx: Connection, pages: int) -> None:
    """Cut up to `pages` free pages off the file; it gets shorter when the log is copied into it."""
    cursor = tx.connection.cursor()
    try:
        for _ in range(pages):
            # One page each time: Python's driver takes only the first step of a statement without columns.
            cursor.execute("PRAGMA incremental_vacuum(1)")
    finally:
        cursor.close()


def make_shrinkable(path: Path, most_bytes: int = MAX_REWRITTEN_BYTES) -> bool:
    """Write a file of a version before anew, so that it can shrink; False where that is not called for.

    Nobody else may have the database open, for they would wait. It takes as much room on the disk twice more.
    Raises NotRewritten.
    """
    try:
        return _made_shrinkable(path, most_bytes)
    except (OSError, sqlite3.Error) as error:
        raise NotRewritten(f"{path} could not be written anew: {error}") from error


def _made_shrinkable(path: Path, most_bytes: int) -> bool:
    size = path.stat().st_size
    if size > most_bytes or shutil.disk_usage(path.parent).free < 3 * size:
        return False
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
        if mode == INCREMENTAL:
            return False
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("VACUUM")
    return True
