"""A database as the version of revision 0002 left it: 25 jobs in every status, replays, a key.

rows_of_0002.json.gz was recorded by that version's own workers (fingerprint "f" * 64), table by table, bytes
in base64; nothing of today's code can make these rows. The jobs' names say how each was left.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData

from lockstep.service.store.database import HEAD_REVISION, Database
from tests.migrations.test_migrations import configuration

FILE = Path(__file__).with_suffix(".json.gz")
REVISION = "0002"
MACHINE = "f" * 64
SECRET = "lk_kept_from_revision_0002"  # noqa: S105 - of a key that opens nothing but a test's database
_SERIAL = {"events": "id"}
"""Columns that the database numbers itself; their rows are in order."""


def rows() -> dict[str, list[dict[str, Any]]]:
    """All rows by table, each table after those that it refers to."""
    tables: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(FILE.read_bytes()))
    for found in tables.values():
        for row in found:
            for name, value in row.items():
                if isinstance(value, dict):
                    row[name] = base64.b64decode(value["base64"])
    return tables


def upgraded(database: Database) -> None:
    """Give an empty database the rows under revision 0002, then bring it to today's."""
    with database.write() as tx:
        command.downgrade(configuration(tx), REVISION)
        _insert(tx)
        command.upgrade(configuration(tx), HEAD_REVISION)


def _insert(tx: Connection) -> None:
    metadata = MetaData()
    metadata.reflect(tx)
    for name, found in rows().items():
        for row in found:
            row.pop(_SERIAL.get(name, ""), None)
            tx.execute(metadata.tables[name].insert(), row)
