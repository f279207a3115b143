"""The database: connections, transactions, the clock.

SQLite is for one host: WAL, synchronous=FULL, writers begin IMMEDIATE. PostgreSQL runs READ COMMITTED for
writes and a REPEATABLE READ snapshot for reads (SQLite's reads are snapshots anyway).
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from lockstep.service.store import counters, points
from lockstep.service.store.disk import Disk
from lockstep.service.store.engines import (
    BUSY_TIMEOUT_SECONDS,
    POSTGRESQL_READS,
    SQLITE_READS,
    make_engine,
)
from lockstep.service.store.wal import WriteAheadLog

logger = logging.getLogger(__name__)


class clock(FunctionElement[float]):
    """Now by the database's clock, in seconds since the epoch; one value within a statement.

    On SQLite, to the millisecond. On PostgreSQL the statement's time, not the transaction's: that one would
    be old after waiting for a lock, and a volatile function could not use an index.
    """

    inherit_cache = True
    type = sa.Double()


@compiles(clock, "sqlite")
def _sqlite_clock(element: clock, compiler: SQLCompiler, **options: object) -> str:  # noqa: ARG001
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(clock, "postgresql")
def _postgresql_clock(element: clock, compiler: SQLCompiler, **options: object) -> str:  # noqa: ARG001
    return "CAST(EXTRACT(EPOCH FROM statement_timestamp()) AS DOUBLE PRECISION)"


def now(tx: Connection) -> float:
    """The database's clock, read once."""
    return tx.execute(sa.select(clock())).scalar_one()


def moment(seconds: float) -> datetime:
    """A time of the database as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """Like `moment`, where there may be none."""
    return None if seconds is None else moment(seconds)


def insert_or_ignore(tx: Connection, table: sa.Table) -> sa.Insert:
    """An INSERT that does nothing where a unique value is taken; it waits for another who is inserting it."""
    return _insert_or_ignore(tx.dialect.name, table)


@cache
def _insert_or_ignore(dialect: str, table: sa.Table) -> sa.Insert:
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_or_mend(tx: Connection, table: sa.Table, column: str) -> sa.Insert:
    """An INSERT that, where the key is taken, only sets `column`, and that only where it differs."""
    return _insert_or_mend(tx.dialect.name, table, column)


@cache
def _insert_or_mend(dialect: str, table: sa.Table, column: str) -> sa.Insert:
    new = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return new.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column: new.excluded[column]},
        where=table.c[column] != new.excluded[column],
    )


class Database:
    """Connections to the database at `url` (sqlite:///PATH or postgresql://...), pooled; for any thread.

    Raises BadAddress; connects only when it is used.

    `checkpoints_wal`: one process at most says so (wal.py).
    """

    def __init__(self, url: str, *, checkpoints_wal: bool = False) -> None:
        self._engine = make_engine(url)
        self._disposed = False
        event.listen(self._engine, "checkin", self._close_late)
        is_sqlite = self._engine.dialect.name == "sqlite"
        options = SQLITE_READS if is_sqlite else POSTGRESQL_READS
        self._reads = self._engine.execution_options(**options)
        self._turn = threading.Lock() if is_sqlite else None
        self._disk = Disk(Path(str(self._engine.url.database)).parent if is_sqlite else None)
        self._wal: WriteAheadLog | None = None
        if is_sqlite and checkpoints_wal:
            self._wal = WriteAheadLog(self._engine, Path(f"{self._engine.url.database}-wal"), self._disk)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back when the block raises."""
        points.BEGINS.reach()
        try:
            with self._own_turn(), self._engine.begin() as connection:
                points.BEGUN.reach()
                counters.open_tally(connection)
                yield connection
                counters.close_tally(connection)
                points.COMMITS.reach()
        except SQLAlchemyError as error:
            self._disk.refused(error)
            raise
        points.COMMITTED.reach()
        if self._wal is not None:
            self._wal.copy_if_due()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of the database; nothing can be written in it."""
        with self._reads.begin() as connection:
            yield connection

    def shortage(self) -> str | None:
        """Why nothing should be written now, in words: its disk is full; None where there is room. Cheap."""
        return self._disk.shortage()

    def dispose(self) -> None:
        """Close the connections that are idle; those in use close when they come back."""
        self._disposed = True
        self._engine.dispose()

    def _close_late(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        # They come back to a pool that is out of use: nobody else would close them.
        if self._disposed and connection is not None:
            record.invalidate()

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        """Line up this process's SQLite writers.

        SQLite would let them sleep and try again, and some for seconds while others pass (measured: 2 s of 8
        threads' 2.2 s). Who waits here too long goes on and leaves it to SQLite to refuse.
        """
        mine = self._turn is not None and self._turn.acquire(timeout=BUSY_TIMEOUT_SECONDS)
        try:
            yield
        finally:
            if mine and self._turn is not None:
                self._turn.release()
