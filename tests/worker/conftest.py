"""What every test of the worker starts from."""

from __future__ import annotations

import pytest

from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from tests.worker.bench import Bench


@pytest.fixture
def bench(database: Database, database_url: str) -> Bench:
    """A store of the test's own, on SQLite and on PostgreSQL, and a worker beside it."""
    return Bench(database=database, settings=Settings(database_url=database_url, renew_seconds=0.3))
