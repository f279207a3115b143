"""Engines of SQLAlchemy: how connections are made and how transactions begin, on SQLite and on PostgreSQL."""

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from lockstep.service.store.address import read_address
from lockstep.service.store.redaction import redact_errors

BUSY_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 60.0
POOL_SIZE = 10
MAX_CONNECTIONS = 50
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


def make_engine(url: str) -> Engine:
    """The engine of the database at `url`; connects when it is used. Raises BadAddress."""
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
    cursor.execute("PRAGMA page_count")
    if cursor.fetchone() == (0,):
        # Before anything is written: from then on only a VACUUM can change it (space.py).
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
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
