"""Lists of jobs: which, in what order, and a page at a time.

A page begins after a job (or ends before one), found again by its id and by what the list is sorted by. Only
what never changes about a job once it is there can be sorted by: so no job is told twice or left out between
two pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Select, collate, func, literal, select, tuple_

from lockstep.service.store import events
from lockstep.service.store.errors import NotFound
from lockstep.service.store.jobs import SUMMARY, Job, not_found, summarized
from lockstep.service.store.tables import job_metadata, jobs

Order = Literal[
    "created_at",
    "-created_at",
    "started_at",
    "-started_at",
    "finished_at",
    "-finished_at",
    "run_ms",
    "-run_ms",
    "name",
    "-name",
]
"""What a list can be sorted by; with "-" the latest, longest, last first.

A list by `started_at`, `finished_at` or `run_ms` has only the jobs that have begun or are over.
"""
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to list; what is None or empty does not limit. `owner` None sees everybody's.

    `statuses`: any of these. `name`: a part of it, whatever the case of its letters A to Z.
    `after`: the id of the last job of the page before; `before`: that of the first job of the page after.
    """

    owner: str | None
    statuses: tuple[str, ...] = ()
    kind: str | None = None
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    order: Order = "-created_at"
    after: str | None = None
    before: str | None = None
    limit: int = 20


@dataclass(frozen=True, kw_only=True)
class Page:
    """Jobs in the order asked for, and whether more follow (with `before`: whether more come first)."""

    jobs: tuple[Job, ...]
    has_more: bool


def list_jobs(tx: Connection, wanted: JobFilter) -> Page:
    """A page of jobs. Pages are stable while jobs come and go on.

    Raises NotFound where the cursor is no job of the list.
    """
    descending = wanted.order.startswith("-")
    text = _Text(tx.dialect.name)
    values = _sorted_by(wanted.order.removeprefix("-"), text)
    is_backward = wanted.before is not None
    query = _filtered(select(*SUMMARY), wanted, text).where(*(value.is_not(None) for value in values))
    cursor = wanted.before or wanted.after
    falling = descending != is_backward
    if cursor is not None:
        place = tuple_(*(literal(value) for value in _place_of(tx, cursor, wanted.owner, values)))
        query = query.where(tuple_(*values) < place if falling else tuple_(*values) > place)
    query = query.order_by(*(value.desc() if falling else value for value in values)).limit(wanted.limit + 1)
    rows = tx.execute(query).all()
    page = rows[: wanted.limit][:: -1 if is_backward else 1]
    courses = events.courses(tx, [row.id for row in page]) if page else {}
    return Page(jobs=tuple(summarized(row, courses[row.id]) for row in page), has_more=len(rows) > len(page))


class _Text:
    """Text that compares byte by byte, A to Z like a to z: alike on both databases, whatever their locale."""

    def __init__(self, dialect: str) -> None:
        self._collation = {"postgresql": "C"}.get(dialect)

    def lower(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lower(text if self._collation is None else collate(text, self._collation))

    @staticmethod
    def lowered(text: str) -> str:
        return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _filtered(query: Select[*tuple[Any, ...]], wanted: JobFilter, text: _Text) -> Select[*tuple[Any, ...]]:
    if wanted.owner is not None:
        query = query.where(jobs.c.owner_id == wanted.owner)
    if wanted.statuses:
        query = query.where(jobs.c.status.in_(wanted.statuses))
    if wanted.kind is not None:
        query = query.where(jobs.c.kind == wanted.kind)
    if wanted.name is not None:
        query = query.where(text.lower(jobs.c.name).contains(text.lowered(wanted.name), autoescape=True))
    for key, value in wanted.metadata.items():
        pair = (job_metadata.c.job_id == jobs.c.id, job_metadata.c.key == key, job_metadata.c.value == value)
        query = query.where(select(literal(1)).where(*pair).correlate(jobs).exists())
    return query


def _sorted_by(key: str, text: _Text) -> list[ColumnElement[Any]]:
    """What the list is sorted by; the id, which grows with the time of making, comes last and is unique."""
    ids: ColumnElement[Any] = jobs.c.id
    by: dict[str, ColumnElement[Any]] = {
        "started_at": jobs.c.started_at,
        "finished_at": jobs.c.finished_at,
        "run_ms": jobs.c.finished_at - jobs.c.started_at,
        # As it is shown: a job without a name goes by its id.
        "name": text.lower(func.coalesce(jobs.c.name, jobs.c.id)),
    }
    return [by[key], ids] if key in by else [ids]


def _place_of(
    tx: Connection, job_id: str, owner: str | None, values: list[ColumnElement[Any]]
) -> tuple[Any, ...]:
    """Where a job is in the list. By the time of its making, its id alone tells, also of one that is gone."""
    if len(values) == 1:
        return (job_id,)
    row = tx.execute(select(jobs.c.owner_id, *values).where(jobs.c.id == job_id)).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    place = tuple(row[1:])
    if None in place:
        raise NotFound(
            f"the job {job_id!r} is in no list of this order: expected an id of another page of it"
        )
    return place
