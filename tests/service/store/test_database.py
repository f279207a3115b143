"""Connections, transactions, the clock."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from lockstep.service.store.database import Database, clock, moment
from lockstep.service.store.migrating import is_migrated, migrate
from lockstep.service.store.tables import jobs, workers
from tests.databases import PostgresqlCluster
from tests.stored_jobs import get, queue_job


def test_the_databases_clock_agrees_with_ours(database: Database) -> None:
    with database.read() as tx:
        now = moment(tx.execute(select(clock())).scalar_one())
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=2)


def test_an_error_leaves_nothing_behind(database: Database) -> None:
    row = {"id": "w", "host": "h", "pid": 1, "state": "idle", "started_at": 0, "heartbeat_at": 0}

    def fail_later() -> None:
        with database.write() as tx:
            tx.execute(workers.insert(), row)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_later()
    with database.read() as tx:
        assert tx.execute(workers.select()).all() == []


def test_a_read_is_a_snapshot(database: Database) -> None:
    job_id = queue_job(database).id
    with database.read() as tx:
        before = tx.execute(select(workers.c.id)).all()
        with database.write() as other:
            other.execute(text("UPDATE jobs SET version = 2"))
        assert tx.execute(text("SELECT version FROM jobs")).scalar() == 1
        assert tx.execute(select(workers.c.id)).all() == before
    assert get(database, job_id).version == 2


def test_nothing_is_written_in_a_read(database: Database) -> None:
    with database.read() as tx, pytest.raises(DBAPIError, match=r"read-?only"):
        tx.execute(text("DELETE FROM jobs"))
    queue_job(database)


def test_writers_wait_for_each_other(database: Database) -> None:
    job_id = queue_job(database).id

    def add_one() -> None:
        for _ in range(5):
            with database.write() as tx:
                version = tx.execute(select(jobs.c.version).with_for_update()).scalar_one()
                tx.execute(jobs.update().values(version=version + 1))

    threads = [threading.Thread(target=add_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert get(database, job_id).version == 31


def test_sqlite_is_durable_and_its_log_is_copied_by_one_process_only(
    tmp_path: Path, migrated_sqlite_path: Path
) -> None:
    path = tmp_path / "lockstep.db"
    path.write_bytes(migrated_sqlite_path.read_bytes())
    size = path.stat().st_size
    worker, api = Database(f"sqlite:///{path}"), Database(f"sqlite:///{path}", checkpoints_wal=True)
    with worker.write() as tx:
        pragmas = {
            name: tx.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2}
        assert tx.execute(text("PRAGMA wal_autocheckpoint")).scalar() == 0
        assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
        tx.execute(
            text("INSERT INTO blob_parts (sha256, part, data) VALUES ('0', 0, zeroblob(:size))"),
            {"size": 5 * 2**20},
        )
    assert path.stat().st_size == size
    with api.write() as tx:
        tx.execute(text("DELETE FROM workers"))
    assert path.stat().st_size > 5 * 2**20
    worker.dispose()
    api.dispose()


def test_what_is_in_use_at_the_end_is_closed_when_it_comes_back(database: Database) -> None:
    with database.read() as tx:
        connection = tx.connection.dbapi_connection
        database.dispose()
        assert tx.execute(text("SELECT 1")).scalar() == 1

    assert connection is not None
    with pytest.raises(Exception, match="closed"):
        connection.cursor().execute("SELECT 1")


def test_a_frozen_writer_on_postgresql_is_cut_off(postgresql: PostgresqlCluster) -> None:
    name = postgresql.take()
    database = Database(postgresql.url(name))
    with database.read() as tx:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        found = {name: tx.execute(text(f"SHOW {name}")).scalar() for name in names}
        assert set(found.values()) == {"10s", "1min"}

    def freeze() -> None:
        with database.write() as tx:
            tx.execute(text("SET idle_in_transaction_session_timeout = 20"))
            time.sleep(0.1)
            tx.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError):
        freeze()
    with database.write() as tx:
        assert tx.execute(text("SHOW transaction_isolation")).scalar() == "read committed"
    database.dispose()
    postgresql.give_back(name)


def test_urls_that_are_neither_are_refused() -> None:
    for url in ("mysql://localhost/x", "postgresql+asyncpg://localhost/x"):
        with pytest.raises(ValueError, match=r"sqlite:///PATH or postgresql://"):
            Database(url)
    with pytest.raises(ValueError, match="in a file"):
        Database("sqlite://")


def test_a_new_file_is_not_migrated_until_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a 100% new.db"
    database = Database(url)
    with database.read() as tx:
        assert not is_migrated(tx)
    for _ in range(2):
        migrate(url)
    with database.read() as tx:
        assert is_migrated(tx)
    database.dispose()
