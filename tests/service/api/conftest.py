"""What tests of the API share beside the application."""

import pytest

from lockstep.service.settings import Settings
from lockstep.service.store.database import Database
from tests.worker.bench import Bench


@pytest.fixture
def bench(store: Database) -> Bench:
    """A worker for the database of `api`."""
    return Bench(database=store, settings=Settings(database_url="sqlite:///unused"))
