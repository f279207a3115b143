"""Databases as older versions left them, recorded table by table; today's code can't make these rows.

rows_of_0002.json.gz: 25 jobs in every status, replays, a key, by that version's own workers (fingerprint
"f" * 64). rows_of_0005.json.gz: likewise, with members, verified jobs and checkpoints in mid-run. The jobs'
names say how each was left; bytes are in base64.
"""

import base64
import gzip
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData

from lockstep.service.store.database import Database
from lockstep.service.store.migrating import HEAD_REVISION
from tests.migrations.test_migrations import configuration

FOLDER = Path(__file__).parent
MACHINE = "f" * 64
"""The fingerprint of the workers that recorded."""
RECORDED_BY = "SkylakeX"
"""The kernels of BLAS on the machines that recorded."""
_SERIAL = {"events": "id"}
"""Columns that the database numbers itself; their rows are in order."""


@dataclass(frozen=True)
class Recording:
    """What the version of some tables left. `secret`: a key, of a test's database alone."""

    revision: str
    secret: str

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All rows by table."""
        tables: dict[str, list[dict[str, Any]]] = self._recorded()
        tables.pop("digests", None)
        for found in tables.values():
            for row in found:
                for name, value in row.items():
                    if isinstance(value, dict):
                        row[name] = base64.b64decode(value["base64"])
        return tables

    def digests(self) -> dict[str, str]:
        """What that version's undisturbed jobs came to, by their names."""
        digests: dict[str, str] = self._recorded()["digests"]
        return digests

    def _recorded(self) -> dict[str, Any]:
        file = FOLDER / f"rows_of_{self.revision}.json.gz"
        recorded: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
        return recorded

    def job(self, name: str) -> dict[str, Any]:
        """The row of the job of that name."""
        return next(row for row in self.rows()["jobs"] if row["name"] == name)

    def upgraded(self, database: Database) -> None:
        """Give an empty database the rows under their own revision, then bring it to today's."""
        with database.write() as tx:
            command.downgrade(configuration(tx), self.revision)
            self._insert(tx)
            command.upgrade(configuration(tx), HEAD_REVISION)

    def _insert(self, tx: Connection) -> None:
        metadata = MetaData()
        metadata.reflect(tx)
        rows = self.rows()
        for table in metadata.sorted_tables:
            for row in rows.get(table.name, ()):
                row.pop(_SERIAL.get(table.name, ""), None)
                if table.name == "idempotency_keys":
                    row["created_at"] = time.time()  # older ones go after a week
                tx.execute(table.insert(), row)


OF_0002 = Recording(revision="0002", secret="lk_kept_from_revision_0002")  # noqa: S106
OF_0005 = Recording(revision="0005", secret="lk_kept_from_revision_0005")  # noqa: S106
