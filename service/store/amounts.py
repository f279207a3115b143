"""How much is stored, and how much of it has been kept long enough: for people, and read in one snapshot."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from lockstep.service.store import left_blobs
from lockstep.service.store.retention import OLD_ANSWER, OLD_JOB, OLD_KEY, SPENT_CHECKPOINT
from lockstep.service.store.tables import (
    blob_parts,
    checkpoints,
    events,
    history,
    idempotency_keys,
    jobs,
    replays,
    weights,
)

PAGE_BLOBS = 10_000


@dataclass(frozen=True, kw_only=True)
class Amount:
    """So many rows of something, and the bytes of their contents."""

    of: str
    rows: int
    size_bytes: int


def stored(tx: Connection) -> list[Amount]:
    """What is there, the largest first."""
    found = [
        _amount(tx, "checkpoints", select(func.count(), _sum(checkpoints.c.size_bytes))),
        _amount(tx, "parts of blobs", select(func.count(), _sum(func.length(blob_parts.c.data)))),
        _amount(tx, "history", select(func.count(), _sum(_history_bytes))),
        _amount(tx, "events", select(func.count(), _sum(_texts(events.c.message, events.c.data_json)))),
        _amount(tx, "jobs", select(func.count(), _sum(_job_bytes))),
    ]
    return sorted(found, key=lambda amount: -amount.size_bytes)


def spent_checkpoints(tx: Connection, age_seconds: float) -> Amount:
    """Checkpoints of jobs that are over, which nobody has asked to keep."""
    query = (
        select(func.count(), _sum(checkpoints.c.size_bytes))
        .select_from(checkpoints)
        .join(jobs, jobs.c.id == checkpoints.c.job_id)
        .where(SPENT_CHECKPOINT)
    )
    return _amount(tx, "checkpoints of jobs that are over", query, age_seconds)


def old_answers(tx: Connection, age_seconds: float) -> Amount:
    """Computed gradients and walks, with their blobs."""
    named = select(replays.c.result_sha256).where(OLD_ANSWER)
    rows = _amount(tx, "", select(func.count(), _sum(literal(0))).where(OLD_ANSWER), age_seconds)
    size = _amount(tx, "", _blob_bytes().where(blob_parts.c.sha256.in_(named)), age_seconds)
    return Amount(of="computed gradients and walks", rows=rows.rows, size_bytes=size.size_bytes)


def old_keys(tx: Connection, age_seconds: float) -> Amount:
    """Idempotency-Keys."""
    size = _texts(*idempotency_keys.c["owner_id", "key", "body_sha256", "job_id"])
    return _amount(tx, "Idempotency-Keys", select(func.count(), _sum(size)).where(OLD_KEY), age_seconds)


def old_jobs(tx: Connection, age_seconds: float) -> Amount:
    """Jobs with all that is theirs; data that several jobs share counts once."""
    old = select(jobs.c.id).where(OLD_JOB)
    names = (
        select(jobs.c.inline_sha256).where(OLD_JOB),
        select(jobs.c.start_sha256).where(OLD_JOB),
        select(weights.c.sha256).where(weights.c.job_id.in_(old)),
    )
    named = names[0].union(*names[1:])
    parts = (
        select(func.count(), _sum(_job_bytes)).where(OLD_JOB),
        select(func.count(), _sum(_history_bytes)).where(history.c.job_id.in_(old)),
        select(func.count(), _sum(checkpoints.c.size_bytes)).where(checkpoints.c.job_id.in_(old)),
        _blob_bytes().where(blob_parts.c.sha256.in_(named)),
    )
    found = [_amount(tx, "", query, age_seconds) for query in parts]
    return Amount(of="jobs", rows=found[0].rows, size_bytes=sum(each.size_bytes for each in found))


def left_behind(tx: Connection) -> Amount:
    """Blobs that nothing names."""
    rows, size = 0, 0
    for names in unnamed_blobs(tx):
        found = _amount(tx, "", _blob_bytes().where(blob_parts.c.sha256.in_(names)))
        rows, size = rows + len(names), size + found.size_bytes
    return Amount(of="blobs that nothing names", rows=rows, size_bytes=size)


def unnamed_blobs(tx: Connection) -> Iterator[frozenset[str]]:
    """Their names, some at a time."""
    after: str | None = ""
    while after is not None:
        page = left_blobs.find(tx, after, PAGE_BLOBS)
        if page.names:
            yield page.names
        after = page.last


def database_bytes(tx: Connection) -> int:
    """How large the whole database is, free pages and indexes included."""
    if tx.dialect.name == "postgresql":
        size: int = tx.execute(select(func.pg_database_size(func.current_database()))).scalar_one()
        return size
    pages, page = (tx.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))
    return int(pages * page)


def _amount(tx: Connection, of: str, query: Select[int, int], age_seconds: float | None = None) -> Amount:
    rows, size = tx.execute(query, {} if age_seconds is None else {"age": age_seconds}).one()
    return Amount(of=of, rows=rows, size_bytes=int(size or 0))


def _sum(size: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(size), 0)


def _texts(*columns: ColumnElement[str] | ColumnElement[str | None]) -> ColumnElement[int]:
    """The characters of some columns together."""
    size: ColumnElement[int] = literal(0)
    for column in columns:
        size = size + func.coalesce(func.length(column), 0)
    return size


_history_bytes = func.length(history.c.points) + func.coalesce(func.length(history.c.steps), 0)
_job_bytes = _texts(jobs.c.spec_json, jobs.c.inline_json, jobs.c.result_json, jobs.c.metadata_json)


def _blob_bytes() -> Select[int, int]:
    return select(func.count(), _sum(func.length(blob_parts.c.data)))
