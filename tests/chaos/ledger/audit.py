"""What the database has committed, change by change: triggers write it, within each transaction, to a table.

So nothing that takes effect is missed, in whatever process, and what is rolled back leaves nothing. The table
is the campaign's own; the service knows nothing of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.ledger.plain_sql import PlainSql

TABLE = "chaos_audit"
_COLUMNS = "kind, job_id, status, attempt, current_attempt, step, other, pid"
_JOB_STATUS = "(SELECT status FROM jobs WHERE id = NEW.job_id)"
_JOB_ATTEMPT = "(SELECT attempt FROM jobs WHERE id = NEW.job_id)"


@dataclass(frozen=True)
class Watched:
    """A trigger: after which act on which table, under which condition, and what it notes.

    `values` are those of `_COLUMNS` but the kind.
    """

    kind: str
    act: str
    table: str
    values: str
    condition: str | None = None


_JOB = "NEW.id, NEW.status, NEW.attempt, NEW.attempt, NEW.step, NEW.checkpoint_step, NEW.worker_pid"
WATCHED = (
    Watched("job", "INSERT", "jobs", _JOB),
    Watched(
        "job",
        "UPDATE",
        "jobs",
        _JOB,
        " OR ".join(
            f"OLD.{column} IS DISTINCT FROM NEW.{column}"
            for column in ("status", "attempt", "step", "checkpoint_step", "worker_pid")
        ),
    ),
    Watched(
        "job_gone", "DELETE", "jobs", "OLD.id, OLD.status, OLD.attempt, OLD.attempt, OLD.step, NULL, NULL"
    ),
    Watched(
        "attempt",
        "INSERT",
        "attempts",
        f"NEW.job_id, {_JOB_STATUS}, NEW.number, {_JOB_ATTEMPT}, NULL, NULL, NEW.pid",
    ),
    Watched(
        "attempt_end",
        "UPDATE",
        "attempts",
        f"NEW.job_id, NEW.outcome, NEW.number, {_JOB_ATTEMPT}, NULL, NULL, NEW.pid",
        "OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL",
    ),
    Watched(
        "checkpoint",
        "INSERT",
        "checkpoints",
        f"NEW.job_id, {_JOB_STATUS}, NEW.attempt, {_JOB_ATTEMPT}, NEW.step, NULL, NULL",
    ),
    Watched(
        "member",
        "INSERT",
        "members",
        f"NEW.job_id, {_JOB_STATUS}, NEW.attempt, {_JOB_ATTEMPT}, NULL, NEW.number, NULL",
    ),
    Watched(
        "history",
        "INSERT",
        "history",
        f"NEW.job_id, {_JOB_STATUS}, {_JOB_ATTEMPT}, {_JOB_ATTEMPT}, NEW.last_step, NEW.first_step, NULL",
        "NEW.series IN ('loss', 'value')",
    ),
    Watched(
        "weights",
        "INSERT",
        "weights",
        f"NEW.job_id, {_JOB_STATUS}, {_JOB_ATTEMPT}, {_JOB_ATTEMPT}, NULL, NULL, NULL",
    ),
)


def install(database: PlainSql) -> None:
    """Make the table and its triggers in a migrated database."""
    database.script(list(_statements(database.dialect)))


def committed(database: PlainSql) -> list[dict[str, Any]]:
    """All that was noted, in order; per job that is the order of the commits."""
    return database.rows(f"SELECT id, at, {_COLUMNS} FROM {TABLE} ORDER BY id")  # noqa: S608  (our own words)


def _statements(dialect: str) -> Iterator[str]:
    is_sqlite = dialect == "sqlite"
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if is_sqlite else "BIGSERIAL PRIMARY KEY"
    yield (
        f"CREATE TABLE {TABLE} (id {serial}, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL, job_id TEXT,"
        " status TEXT, attempt BIGINT, current_attempt BIGINT, step BIGINT, other BIGINT, pid BIGINT)"
    )
    for number, watched in enumerate(WATCHED):
        yield from (_sqlite if is_sqlite else _postgresql)(f"{TABLE}_{number}", watched)


def _insert(now: str, watched: Watched) -> str:
    return f"INSERT INTO {TABLE} (at, {_COLUMNS}) VALUES ({now}, '{watched.kind}', {watched.values})"  # noqa: S608


def _sqlite(name: str, watched: Watched) -> Iterator[str]:
    condition = f" WHEN {watched.condition}" if watched.condition else ""
    now = "(julianday('now') - 2440587.5) * 86400.0"
    yield (
        f"CREATE TRIGGER {name} AFTER {watched.act} ON {watched.table}{condition}"
        f" BEGIN {_insert(now, watched)}; END"
    )


def _postgresql(name: str, watched: Watched) -> Iterator[str]:
    condition = f" WHEN ({watched.condition})" if watched.condition else ""
    now = "EXTRACT(EPOCH FROM clock_timestamp())"
    yield (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$BEGIN {_insert(now, watched)}; RETURN NULL; END$$"
    )
    yield (
        f"CREATE TRIGGER {name} AFTER {watched.act} ON {watched.table}"
        f" FOR EACH ROW{condition} EXECUTE FUNCTION {name}()"
    )
