"""Which database and broker a command works on directly, without the service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from service.commands.access import DEFAULT_DATA_DIR, CommandError
from service.settings import Settings
from service.store.database import Database
from service.store.errors import NotFound


def find_settings(data_dir: Path | None) -> Settings:
    """The settings of the place: a local service's where its database is, else what LOCKSTEP_* says.

    A `--data-dir` that was given decides; without one LOCKSTEP_DATABASE_URL does, and else the default
    data directory when it holds a database.
    """
    directory = data_dir or DEFAULT_DATA_DIR
    is_local = (directory / "lockstep.db").exists() and "LOCKSTEP_DATABASE_URL" not in os.environ
    if data_dir is not None and not (directory / "lockstep.db").exists():
        raise CommandError(f"{directory} holds no database: `lockstep up` makes one")
    return read_settings(**_local(directory)) if is_local or data_dir is not None else read_settings()


def read_settings(**given: Any) -> Settings:
    """The settings; a wrong one is an error that names it."""
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = (
            f"LOCKSTEP_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()
        )
        raise CommandError("\n  ".join(("the settings are wrong", *faults))) from error


def _local(directory: Path) -> dict[str, str]:
    path = directory.resolve()
    found = {
        "database_url": f"sqlite:///{path / 'lockstep.db'}",
        "broker_url": f"redis+socket://{path / 'broker.sock'}?virtual_host=0",
    }
    key_path = directory / "api-key"
    if key_path.exists():
        found["api_key"] = key_path.read_text().strip()
    return found


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The settings' database; when it does not answer, the error says which."""
    try:
        database = Database(settings.database_url)
    except ValueError as error:
        raise CommandError(f"LOCKSTEP_DATABASE_URL: {error}") from error
    try:
        yield database
    except NotFound as error:
        raise CommandError(str(error)) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise CommandError(f"the database refuses: {reason}; `lockstep doctor` says more") from error
    finally:
        database.dispose()
