"""The peer: FastAPI alone, whose one route inserts a row as large as a job's, and is durable as it is.

python -m benchmarks.requests.bare URL PORT
"""

import json
import sqlite3
import sys
import threading
from typing import Annotated, Any

import psycopg
import uvicorn
from fastapi import Body, FastAPI

COLUMNS = (
    "id",
    "owner_id",
    "kind",
    "name",
    "metadata_json",
    "status",
    "spec_json",
    "spec_sha256",
    "created_at",
)


class Rows:
    """The table, one connection for each thread; `url` is a path of SQLite or PostgreSQL's address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()
        self._turn = threading.Lock()
        self._is_sqlite = not url.startswith("postgresql")
        columns = ", ".join(f"{name} TEXT" for name in COLUMNS)
        self._execute(f"CREATE TABLE IF NOT EXISTS bare ({columns}, PRIMARY KEY (id))", ())
        mark = "?" if self._is_sqlite else "%s"
        self._insert = f"INSERT INTO bare VALUES ({', '.join([mark] * len(COLUMNS))})"  # noqa: S608

    def insert(self, row: tuple[str, ...]) -> None:
        """Add a row; it is on the disk when this returns."""
        self._execute(self._insert, row)

    def _execute(self, statement: str, row: tuple[str, ...]) -> None:
        connection = self._connection()
        if self._is_sqlite:
            with self._turn:  # waiting inside SQLite would be slower
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(statement, row)
                connection.execute("COMMIT")
        else:
            connection.execute(statement, row)

    def _connection(self) -> Any:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        return self._local.connection

    def _connect(self) -> Any:
        if not self._is_sqlite:
            return psycopg.connect(self._url, autocommit=True)
        connection = sqlite3.connect(self._url, isolation_level=None, timeout=10)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


def make_app(rows: Rows) -> FastAPI:
    """POST /rows inserts what it is sent; GET /healthz answers."""
    app = FastAPI()
    count = iter(range(10**9))

    @app.post("/rows", status_code=201)
    def create(spec: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        row_id = f"job_{next(count):021d}"
        text = json.dumps(spec)
        values = (row_id, "owner", "train", "", "{}", "queued", text, "0" * 64, "0")
        rows.insert(values)
        return {"id": row_id, "status": "queued", "spec": spec}

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def main() -> None:
    """Serve on loopback until SIGTERM."""
    url, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(make_app(Rows(url)), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
