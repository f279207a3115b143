"""Which database and broker a command works on directly, without the service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.commands.access import DEFAULT_DATA_DIR, CommandError, hint, line_of
from lockstep.service.settings import Settings, read_settings
from lockstep.service.store.address import BadAddress, sqlite_url
from lockstep.service.store.database import Database
from lockstep.service.store.errors import NotFound, Refused


def find_settings(data_dir: Path | None) -> Settings:
    """The settings of the place: a local service's where its database is, else what LOCKSTEP_* says.

    A `--data-dir` that was given decides; without one LOCKSTEP_DATABASE_URL does, and else the default
    data directory when it holds a database.
    """
    directory = data_dir or DEFAULT_DATA_DIR
    is_local = (directory / "lockstep.db").exists() and "LOCKSTEP_DATABASE_URL" not in os.environ
    if data_dir is not None and not (directory / "lockstep.db").exists():
        raise CommandError(f"{directory} holds no database: `{hint('up', data_dir)}` makes one")
    if is_local or data_dir is not None:
        return read_settings(from_file=False, **_local(directory))
    return read_settings()


def _local(directory: Path) -> dict[str, str]:
    """What `lockstep up` said to the service in a data directory, which takes nothing from a .env either."""
    found = {
        "database_url": sqlite_url(directory.resolve() / "lockstep.db"),
        "broker_url": line_of(directory / "broker-url"),
        "api_key": line_of(directory / "api-key"),
    }
    return {name: value for name, value in found.items() if value is not None}


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The settings' database; when it does not answer, the error says which."""
    with database_errors():
        database = Database(settings.database_url)
        try:
            yield database
        except (NotFound, Refused) as error:
            raise CommandError(str(error)) from error
        finally:
            database.dispose()


@contextmanager
def database_errors() -> Iterator[None]:
    """Within it, what keeps a database from its work is a CommandError."""
    try:
        yield
    except BadAddress as error:
        raise CommandError(f"LOCKSTEP_DATABASE_URL: {error}") from error
    except SQLAlchemyError as error:
        reason = reason_of(error)
        raise CommandError(f"the database refuses: {reason}; `lockstep doctor` says more") from error


def reason_of(error: SQLAlchemyError) -> str:
    """The database's own words, in one line, without the statement and its parameters."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
