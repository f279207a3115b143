"""The database: connections, transactions, the clock, migrations.

SQLite is for one host: WAL, synchronous=FULL, writers begin IMMEDIATE. PostgreSQL runs READ COMMITTED for
writes and a REPEATABLE READ snapshot for reads (SQLite's reads are snapshots anyway).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from lockstep.service.store.address import read_address
from lockstep.service.store.redaction import redact_errors

HEAD_REVISION = "0006"
"""The migration that this version's code needs; a test compares it with migrations/."""

BUSY_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 60.0
POOL_SIZE = 10
MAX_CONNECTIONS = 50
WAL_CHECKPOINT_BYTES = 4 * 2**20
WAL_CHECKPOINT_EVERY_SECONDS = 5.0
WAL_SIZE_LIMIT_BYTES = 64 * 2**20
SQLITE_WRITE = ("PRAGMA query_only=OFF", "BEGIN IMMEDIATE")
SQLITE_READS = {"lockstep_begin": ("PRAGMA query_only=ON", "BEGIN")}
POSTGRESQL_READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_TIME_LIMITS = "SELECT " + ", ".join(
    f"set_config('{name}', '{int(1000 * seconds)}', true)"  # true: until the transaction's end
    for name, seconds in {
        "lock_timeout": BUSY_TIMEOUT_SECONDS,
        "statement_timeout": STATEMENT_TIMEOUT_SECONDS,
        # A frozen process must not keep its job's row locked for ever: eviction skips locked rows.
        "idle_in_transaction_session_timeout": BUSY_TIMEOUT_SECONDS,
    }.items()
)
MIGRATION_LOCK = 0x10C_57E9
"""Number of PostgreSQL's advisory lock that lets one migrate at a time."""


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

    `checkpoints_wal`: one process at most says so. SQLite before 3.51.3 may corrupt a WAL database when two
    connections checkpoint at the same time, so nobody else does, and in that process one at a time.
    """

    def __init__(self, url: str, *, checkpoints_wal: bool = False) -> None:
        self._engine = _make_engine(url)
        self._disposed = False
        event.listen(self._engine, "checkin", self._close_late)
        is_sqlite = self._engine.dialect.name == "sqlite"
        options = SQLITE_READS if is_sqlite else POSTGRESQL_READS
        self._reads = self._engine.execution_options(**options)
        self._turn = threading.Lock() if is_sqlite else None
        self._wal_path = Path(f"{self._engine.url.database}-wal") if is_sqlite and checkpoints_wal else None
        self._wal_lock = threading.Lock()
        self._wal_due_at = 0.0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back when the block raises."""
        with self._own_turn(), self._engine.begin() as connection:
            yield connection
        if self._wal_path is not None and time.monotonic() >= self._wal_due_at:
            self._checkpoint_wal(self._wal_path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of the database; nothing can be written in it."""
        with self._reads.begin() as connection:
            yield connection

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

    def _checkpoint_wal(self, path: Path) -> None:
        """Copy a long write-ahead log into the database file; never waits for anybody."""
        if not self._wal_lock.acquire(blocking=False):
            return
        try:
            self._wal_due_at = time.monotonic() + WAL_CHECKPOINT_EVERY_SECONDS
            if path.exists() and path.stat().st_size > WAL_CHECKPOINT_BYTES:
                with self._engine.connect().execution_options(lockstep_begin=()) as connection:
                    connection.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))
        finally:
            self._wal_lock.release()


def migrate(url: str) -> None:
    """Bring the database at `url` to this version's tables; several may at once. Raises BadAddress."""
    # Alembic takes longer to import than the whole store, and only this needs it.
    from alembic import command
    from alembic.config import Config

    from lockstep import migrations

    engine = _make_engine(url)
    config = Config()
    folder = Path(migrations.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD_REVISION)
    finally:
        engine.dispose()


def is_migrated(tx: Connection) -> bool:
    """Whether the database's tables are those of this version."""
    if not sa.inspect(tx).has_table("alembic_version"):
        return False
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD_REVISION


def _make_engine(url: str) -> Engine:
    address = read_address(url)
    if address.get_backend_name() == "sqlite":
        return _make_sqlite_engine(address)
    return _make_postgresql_engine(address)


def _make_postgresql_engine(address: URL) -> Engine:
    """One that keeps nothing on a connection between transactions: PgBouncer gives each another."""
    engine = sa.create_engine(
        address,
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # said in each BEGIN, whatever the server's default is
        use_native_hstore=False,  # else it asks for a type that nothing here has
        pool_size=POOL_SIZE,
        max_overflow=MAX_CONNECTIONS - POOL_SIZE,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            # A server that was set up for SQL_ASCII would send text as bytes.
            "client_encoding": "utf8",
            "application_name": "lockstep",
            "prepare_threshold": None,  # a statement prepared on one server is unknown to the next
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        },
    )
    event.listen(engine, "begin", _limit_times)
    redact_errors(engine)
    return engine


def _limit_times(connection: Connection) -> None:
    connection.exec_driver_sql(_TIME_LIMITS)


def _make_sqlite_engine(address: URL) -> Engine:
    engine = sa.create_engine(
        address,
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=MAX_CONNECTIONS - POOL_SIZE,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
    # The sqlite3 module would begin transactions by itself, deferred, and late: `_begin` says how and when.
    connection.isolation_level = None
    connection.text_factory = _text
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "wal_autocheckpoint=0",
        f"journal_size_limit={WAL_SIZE_LIMIT_BYTES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(stored: bytes) -> str:
    """Text of a column. Bytes that are no UTF-8 are damage in one row; the rows beside it are well."""
    return stored.decode("utf-8", "backslashreplace")


def _begin(connection: Connection) -> None:
    for statement in connection.get_execution_options().get("lockstep_begin", SQLITE_WRITE):
        connection.exec_driver_sql(statement)
