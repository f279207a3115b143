"""The real application on a database of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lockstep.service.app import create_app
from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from tests.service.contract import ContractClient
from tests.service.submissions import KEY

NO_BROKER = "redis://127.0.0.1:1/0"


def serve(url: str) -> Iterator[TestClient]:
    """The application on the database at `url`, without a broker; the reconciler ticks only once."""
    settings = Settings(
        database_url=url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
        max_body_bytes=32 * 1024 * 1024,
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    with ContractClient(create_app(settings), headers=headers) as client:
        yield client


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Database]:
    """A second way into the database of `api`."""
    database = Database(sqlite_url)
    yield database
    database.dispose()


@pytest.fixture
def api(sqlite_url: str) -> Iterator[TestClient]:
    """The application on SQLite, asked with an administrator's key."""
    yield from serve(sqlite_url)


@pytest.fixture
def any_api(database_url: str) -> Iterator[TestClient]:
    """The application on SQLite and on PostgreSQL; `database` is a second way into its database."""
    yield from serve(database_url)


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_path: Path) -> Iterator[TestClient]:
    """The same for all tests that neither care what is there nor leave anything that others could mind."""
    path = tmp_path_factory.mktemp("shared") / "api.db"
    shutil.copyfile(migrated_sqlite_path, path)
    yield from serve(f"sqlite:///{path}")
