"""Lockstep through PgBouncer in transaction mode: each transaction may be on another connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from lockstep.service.store.migrating import is_migrated, migrate
from lockstep.worker.attempt import lead_job
from tests.databases import PostgresqlCluster
from tests.pgbouncer import pgbouncer
from tests.worker.bench import LINE, LINE_DIGEST, Bench, digest, never

JOBS = 200
THREADS = 4


@pytest.fixture(scope="module")
def bouncer(postgresql: PostgresqlCluster) -> Iterator[Path]:
    with pgbouncer(postgresql) as folder:
        yield folder


@pytest.fixture
def url(postgresql: PostgresqlCluster, bouncer: Path) -> Iterator[str]:
    name = postgresql.take()
    # `postgres://`, as those who rent databases write it
    yield f"postgres://postgres@/{name}?host={bouncer}&port=6432"
    postgresql.give_back(name)


@pytest.mark.timeout(180)
def test_two_hundred_jobs_go_through(url: str) -> None:
    database = Database(url)
    settings = Settings(database_url=url, renew_seconds=0.3)
    bench = Bench(database=database, settings=settings)
    ids = [bench.submit(LINE) for _ in range(JOBS)]
    refused: list[BaseException] = []

    def work(name: str) -> None:
        own = Database(url)
        mine = replace(bench, database=own)
        try:
            for _ in range(JOBS // THREADS):
                lead_job(mine.claim(name), mine.tools(name), never)
        except BaseException as error:
            refused.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"[:THREADS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)

    assert refused == []
    jobs = [bench.job(job_id) for job_id in ids]
    assert {job.status for job in jobs} == {"succeeded"}
    assert {digest(job) for job in jobs} == {LINE_DIGEST}
    database.dispose()


def test_several_may_migrate_at_once(url: str) -> None:
    failed: list[BaseException] = []

    def bring() -> None:
        try:
            migrate(url)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)

    assert failed == []
    database = Database(url)
    with database.read() as tx:
        assert is_migrated(tx)
    database.dispose()


def test_limits_hold_within_each_transaction_and_leave_nothing_on_a_connection(url: str) -> None:
    database = Database(url)
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")

    def limits(connection_of: Database) -> list[object]:
        with connection_of.read() as tx:
            return [tx.execute(text(f"SHOW {name}")).scalar() for name in names]

    within = limits(database)
    with database.write() as tx:
        level = tx.execute(text("SHOW transaction_isolation")).scalar()
        writes = [tx.execute(text(f"SHOW {name}")).scalar() for name in names]
        reset = [
            tx.execute(text("SELECT reset_val FROM pg_settings WHERE name = :name"), {"name": name}).scalar()
            for name in names
        ]
        prepared = tx.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar()

    assert within == writes == ["10s", "1min", "10s"]
    assert level == "read committed"
    assert reset == ["0", "0", "0"]
    assert prepared == 0
    database.dispose()
