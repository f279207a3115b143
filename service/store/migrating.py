"""The version of the database's tables: what it is, and how it becomes another (migrations/)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection, text

from lockstep.core.ground.errors import LockstepError
from lockstep.service.store.engines import make_engine

if TYPE_CHECKING:
    from alembic.config import Config

HEAD_REVISION = "0006"
"""The migration that this version's code needs; a test compares it with migrations/."""
MIGRATION_LOCK = 0x10C_57E9
"""Number of PostgreSQL's advisory lock that lets one migrate at a time."""


class WouldLose(LockstepError):
    """Older tables have no place for something that the database holds; the message says for what."""


class UnknownRevision(LockstepError):
    """The database, or what was asked for, is a version of the tables that this one does not know."""


def migrate(url: str) -> None:
    """Bring the database at `url` to this version's tables; several may at once.

    Raises BadAddress, and UnknownRevision where a newer version has been at it.
    """
    from alembic import command

    with _configured(url) as config:
        command.upgrade(config, HEAD_REVISION)


def go_back(url: str, revision: str, *, lose: bool = False) -> None:
    """Bring the database at `url` to the tables of an older version, for that version's code.

    Raises WouldLose, unless `lose` allows it, UnknownRevision and BadAddress; nothing has changed then.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    with _configured(url) as config:
        *older, _ = sorted(each.revision for each in ScriptDirectory.from_config(config).walk_revisions())
        if revision not in older:
            raise UnknownRevision(f"expected {older[0]} to {older[-1]}, got {revision!r}")
        config.attributes["lose"] = lose
        command.downgrade(config, revision)


def is_migrated(tx: Connection) -> bool:
    """Whether the database's tables are those of this version."""
    if not sa.inspect(tx).has_table("alembic_version"):
        return False
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD_REVISION


@contextmanager
def _configured(url: str) -> "Iterator[Config]":
    """Alembic, in a transaction of its own on the database."""
    # Alembic takes longer to import than the whole store, and only this needs it.
    from alembic.config import Config
    from alembic.util import CommandError

    from lockstep import migrations

    engine = make_engine(url)
    config = Config()
    folder = Path(migrations.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            yield config
    except CommandError as error:
        raise UnknownRevision(f"the database is of a newer version of Lockstep ({error})") from error
    finally:
        engine.dispose()
