"""The recorded values of a job: series of points, packed in chunks.

A row per point would be thousands of times slower. Values are kept bit for bit, NaN included. Steps that are
done again after a resume are compared, not written. A chunk that can't be read is a gap: it is reported and
stays as it is, and the points around it can still be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from lockstep.core.learning.report import Points
from lockstep.service.store import points as failpoints
from lockstep.service.store.errors import ReplayMismatch
from lockstep.service.store.history_chunks import Chunk, outside, packed, readable, unpacked
from lockstep.service.store.leases import JobFence
from lockstep.service.store.sampling import Sampled, sample
from lockstep.service.store.tables import history

FULL_CHUNK_POINTS = 4096
"""A chunk with fewer points is the last of its series, and later points join it."""

_CHUNK = (
    history.c.job_id,
    history.c.series,
    history.c.first_step,
    history.c.last_step,
    history.c.size,
    history.c.stride,
    history.c.steps,
    history.c.dtype,
    history.c.points,
    history.c.checksum,
)
_TOUCHED = (
    select(*_CHUNK)
    .where(
        history.c.job_id == bindparam("job_id"),
        or_(
            history.c.last_step >= bindparam("first"),
            # A damaged chunk may end before it begins, and its place is taken all the same.
            history.c.first_step >= bindparam("first"),
            history.c.size < FULL_CHUNK_POINTS,
        ),
    )
    .order_by(history.c.series, history.c.first_step)
)
_FORGET = delete(history).where(
    history.c.job_id == bindparam("of_job"),
    history.c.series == bindparam("of_series"),
    history.c.first_step == bindparam("from_step"),
)
_READ = (
    select(*_CHUNK)
    .where(history.c.job_id == bindparam("job_id"), history.c.last_step > bindparam("since"))
    .order_by(history.c.series, history.c.first_step)
)
_CHUNK_AT = (
    select(*_CHUNK)
    .where(
        history.c.job_id == bindparam("job_id"),
        history.c.series == bindparam("of_series"),
        history.c.first_step <= bindparam("at_step"),
    )
    .order_by(history.c.first_step.desc())
    .limit(1)
)


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Points of a series that can't be read, and why."""

    series: str
    first_step: int
    last_step: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What is on record of a job: its series by name, and what of them can't be read."""

    series: Mapping[str, Sampled]
    gaps: tuple[Gap, ...]


def at(tx: Connection, job_id: str, series: str, step: int) -> float | None:
    """The value of a series at one step; None where none is recorded, or none that can be read."""
    row = tx.execute(_CHUNK_AT, {"job_id": job_id, "of_series": series, "at_step": step}).one_or_none()
    points = None if row is None else readable(row)
    if points is None:
        return None
    place = int(np.searchsorted(points.steps, step))
    found = place < len(points.steps) and points.steps[place] == step
    return float(points.values[place]) if found else None


def append(fence: JobFence, series: Mapping[str, Points]) -> None:
    """Add points to the ends of series. Points of recorded steps must have the recorded bits.

    Raises ReplayMismatch where they have others. Steps must grow within each series, and values be float32 or
    float64, the same throughout a series.
    """
    series = {name: points for name, points in series.items() if len(points.steps)}
    if not series:
        return
    for name, points in series.items():
        _check(name, points)
    first = min(int(points.steps[0]) for points in series.values())
    recorded: dict[str, list[Chunk]] = {}
    for row in fence.tx.execute(_TOUCHED, {"job_id": fence.claim.job_id, "first": first}):
        recorded.setdefault(row.series, []).append(row)
    stale: list[dict[str, object]] = []
    fresh: list[dict[str, object]] = []
    for name, points in series.items():
        rows = recorded.get(name, [])
        added = _without_replayed(name, rows, points)
        if not len(added.steps):
            continue
        unfilled = readable(rows[-1]) if rows and rows[-1].size < FULL_CHUNK_POINTS else None
        if unfilled is not None:
            stale.append({"of_job": fence.claim.job_id, "of_series": name, "from_step": rows[-1].first_step})
            added = Points.joined([unfilled, added])
        fresh.extend(packed(fence.claim.job_id, name, added))
    if stale:
        fence.tx.execute(_FORGET, stale)
        failpoints.CHUNK_OUT.reach()
    if fresh:
        fence.tx.execute(insert(history), fresh)


def read(
    tx: Connection,
    job_id: str,
    series: Sequence[str] | None = None,
    since_step: int | None = None,
    max_points: int | None = None,
) -> Recorded:
    """Series of a job; all where `series` is None, and those without points are absent.

    `since_step` is exclusive. With `max_points` (at least 1) a longer series comes in that many buckets: see
    `sample`.
    """
    since = -1 if since_step is None else since_step
    query = _READ if series is None else _READ.where(history.c.series.in_(series))
    chunks: dict[str, list[Points]] = {}
    gaps: list[Gap] = []
    for row in tx.execute(query, {"job_id": job_id, "since": since}):
        try:
            chunks.setdefault(row.series, []).append(unpacked(row))
        except ValueError as error:
            gaps.append(
                Gap(series=row.series, first_step=row.first_step, last_step=row.last_step, reason=str(error))
            )
    found: dict[str, Sampled] = {}
    for name, parts in chunks.items():
        if not parts:
            continue
        points = Points.joined(parts)
        start = int(np.searchsorted(points.steps, since, side="right"))
        points = _part(points, slice(start, None))
        most = max(len(points.steps), 1) if max_points is None else max_points
        found[name] = sample(points, most)
    return Recorded(series=found, gaps=tuple(gaps))


def _check(name: str, points: Points) -> None:
    steps, values = points.steps, points.values
    if steps.dtype != np.int64 or steps.ndim != 1 or steps.shape != values.shape:
        raise ValueError(
            f"series {name!r}: expected int64 steps and as many values, got {steps.shape}, {values.shape}"
        )
    if values.dtype not in (np.float32, np.float64):
        raise ValueError(f"series {name!r}: expected float32 or float64 values, got {values.dtype}")
    if steps[0] < 0 or not np.all(steps[1:] > steps[:-1]):
        raise ValueError(f"series {name!r}: expected steps that grow from 0 or more")


def _without_replayed(name: str, rows: list[Chunk], points: Points) -> Points:
    """The points beyond those on record, once the others were found equal to them.

    Points that a damaged chunk holds count as recorded, and nothing is there to compare them with.
    """
    found = [(row, readable(row)) for row in rows]
    damaged = [row for row, chunk in found if chunk is None]
    sound = [chunk for _, chunk in found if chunk is not None]
    if not sound:
        return outside(points, damaged)
    record = Points.joined(sound)
    if record.values.dtype != points.values.dtype:
        raise ReplayMismatch(
            name, int(points.steps[0]), f"series {name!r} is {record.values.dtype}, got {points.values.dtype}"
        )
    known = int(np.searchsorted(points.steps, record.steps[-1], side="right"))
    if known:
        start = int(np.searchsorted(record.steps, points.steps[0]))
        stop = int(np.searchsorted(record.steps, points.steps[known - 1], side="right"))
        before, again = _part(record, slice(start, stop)), _part(points, slice(known))
        if damaged:
            # Where a damaged chunk lay, its row may not tell: steps that only one side has are its own.
            _, mine, theirs = np.intersect1d(before.steps, again.steps, True, return_indices=True)
            before, again = _part(before, mine), _part(again, theirs)
        _compare(name, before, again)
    return outside(_part(points, slice(known, None)), damaged)


def _part(points: Points, which: slice | NDArray[np.intp]) -> Points:
    return Points(steps=points.steps[which], values=points.values[which])


def _compare(name: str, record: Points, again: Points) -> None:
    common = min(len(record.steps), len(again.steps))
    bits = np.dtype(f"u{record.values.dtype.itemsize}")
    same = np.ascontiguousarray(record.values[:common]).view(bits) == np.ascontiguousarray(
        again.values[:common]
    ).view(bits)
    same &= record.steps[:common] == again.steps[:common]
    if len(record.steps) == len(again.steps) and same.all():
        return
    at = int(np.argmin(same)) if not same.all() else common
    before, after = _point(record, at), _point(again, at)
    step = int((again if at < len(again.steps) else record).steps[at])
    raise ReplayMismatch(
        name,
        step,
        f"series {name!r}: step {step} was recorded as {before} and came again as {after}: the machine that "
        "resumed the job computes other bits than the one before",
    )


def _point(points: Points, at: int) -> str:
    if at >= len(points.steps):
        return "nothing"
    return f"{float(points.values[at])!r} at step {int(points.steps[at])}"
