"""Blobs that nothing names: left behind by a POST that failed between its blob and its job.

A transaction that names a blob holds its parts locked when it commits (`blobs.put`, `blobs.hold`), and has
put back what was missing; or it names one that another row names too, and holds a part of it at least
(`blobs.hold_there`). One that takes a blob out locks the parts that are free first, and looks for names, and
for parts that it has not locked, in later statements, which see all that was committed before the lock. So
none goes that is named, and none goes in part.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, delete, func, select

from lockstep.service.store.replay_table import replays
from lockstep.service.store.tables import blob_parts, jobs, weights

NAMED_IN = (jobs.c.inline_sha256, jobs.c.start_sha256, weights.c.sha256, replays.c.result_sha256)
"""Every column that names blobs; a test compares it with the tables."""

_PAGE = (
    select(blob_parts.c.sha256)
    .where(blob_parts.c.sha256 > bindparam("after"))
    .distinct()
    .order_by(blob_parts.c.sha256)
    .limit(bindparam("most"))
)
_BETWEEN: tuple[Select[str | None], ...] = tuple(
    select(column).where(column > bindparam("after"), column <= bindparam("last")).distinct()
    for column in NAMED_IN
)
_AMONG: tuple[Select[str | None], ...] = tuple(
    select(column).where(column.in_(bindparam("names", expanding=True))).distinct() for column in NAMED_IN
)
_FREE_PARTS = (
    select(blob_parts.c.sha256, blob_parts.c.part)
    .where(blob_parts.c.sha256.in_(bindparam("names", expanding=True)))
    .with_for_update(skip_locked=True)
)
_PARTS = (
    select(blob_parts.c.sha256, func.count().label("parts"))
    .where(blob_parts.c.sha256.in_(bindparam("names", expanding=True)))
    .group_by(blob_parts.c.sha256)
)
_TAKE_OUT = delete(blob_parts).where(
    blob_parts.c.sha256 == bindparam("name"), blob_parts.c.part == bindparam("number")
)


@dataclass(frozen=True, kw_only=True)
class BlobPage:
    """Blobs that nothing names, of those after some name up to `last`; None: up to the last of all."""

    names: frozenset[str]
    last: str | None


def find(tx: Connection, after: str, most: int) -> BlobPage:
    """Look at `most` blobs in the order of their names."""
    there = tx.execute(_PAGE, {"after": after, "most": most}).scalars().all()
    if not there:
        return BlobPage(names=frozenset(), last=None)
    reach = {"after": after, "last": there[-1]}
    named = {name for query in _BETWEEN for name in tx.execute(query, reach).scalars()}
    return BlobPage(names=frozenset(there) - named, last=there[-1] if len(there) == most else None)


def take_out(tx: Connection, names: Collection[str]) -> list[str]:
    """Take out those of the blobs that nothing names and nobody holds a part of; which they were."""
    which = {"names": list(names)}
    free = tx.execute(_FREE_PARTS, which).all()
    locked = Counter(name for name, _ in free)
    held = {name for name, parts in tx.execute(_PARTS, which) if parts > locked[name]}
    named = {name for query in _AMONG for name in tx.execute(query, which).scalars()}
    parts = [{"name": name, "number": part} for name, part in free if name not in named | held]
    if parts:
        tx.execute(_TAKE_OUT, parts)
    return sorted({str(part["name"]) for part in parts})
