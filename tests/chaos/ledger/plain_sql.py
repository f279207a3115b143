"""The database by plain SQL: nothing of the store's code comes between it and who judges."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

BUSY_SECONDS = 5.0


class PlainSqlite:
    """An SQLite file. Each call has a connection of its own."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """What a query finds; its parameters are written `?`."""
        address = f"file:{self._path}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def script(self, statements: Sequence[str]) -> None:
        """Run statements that change something."""
        with contextlib.closing(
            sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def is_locked(self) -> bool:
        """Whether somebody is inside a transaction that writes."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            connection.execute("ROLLBACK")
            return False


class PlainPostgresql:
    """A database of a PostgreSQL server. Each call has a connection of its own, which says so by its name."""

    dialect = "postgresql"
    NAME = "chaos"

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """What a query finds; its parameters are written `?`."""
        with self._connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.replace("?", "%s").encode(), values)
            return cursor.fetchall()

    def script(self, statements: Sequence[str]) -> None:
        """Run statements that change something."""
        with self._connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def is_locked(self) -> bool:
        """Whether one of the service's transactions has written and waits for its client."""
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'lockstep' AND backend_xid IS NOT NULL"
            " AND state = 'idle in transaction'"
        )
        return bool(self.rows(waiting))

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url, autocommit=True, connect_timeout=5, application_name=self.NAME, prepare_threshold=None
        )


PlainSql = PlainSqlite | PlainPostgresql
UNREACHABLE = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)
"""What is raised while a database is away."""
