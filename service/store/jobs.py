"""Jobs: made, read, listed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.core.spec import Kind
from lockstep.service.store import events, points
from lockstep.service.store.damage import Damage
from lockstep.service.store.database import moment
from lockstep.service.store.errors import NotFound
from lockstep.service.store.events import Course, Transition
from lockstep.service.store.ids import new_id
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.records import (
    Readings,
    read_count,
    read_held_spec,
    read_metadata,
    read_result,
    read_spec,
    read_time,
)
from lockstep.service.store.statuses import SUCCEEDED, TERMINAL, WORKING, Status
from lockstep.service.store.tables import job_metadata, jobs
from lockstep.service.store.transitions import JOBS

SUMMARY = tuple(column for column in jobs.c if column.name not in ("inline_json", "inline_sha256"))
"""What a list needs: all but the data that a spec may hold."""

_CREATE = insert(jobs).values(**JOBS.first("create")).returning(*SUMMARY)
_GET = select(jobs).where(jobs.c.id == bindparam("job_id"))
_GET_SUMMARY = select(*SUMMARY).where(jobs.c.id == bindparam("job_id"))
_VERSION = select(jobs.c.version, jobs.c.owner_id).where(jobs.c.id == bindparam("job_id"))


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed: `code` is one of the contract's words, `param` the part of the spec at fault."""

    code: str
    message: str
    param: str | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it was at `version`, which grows with each visible change; all else here follows from it.

    `spec_json` lacks inline data and initial weights that are a blob; in lists and summaries, all of them.
    `step` counts the steps done. `result` may hold NaN and infinities. What `damage` names can't be read:
    metadata and result are None then, the spec is the JSON null. `verifies`: the id of the job that this one
    trains again; `cloned_from`: of the one that it was made of.
    """

    id: str
    owner_id: str
    kind: Kind
    name: str | None
    priority: int
    metadata: Mapping[str, str] | None
    status: Status
    status_reason: str | None
    status_message: str | None
    version: int
    spec_json: str
    spec_sha256: str
    attempt: int
    workers_wanted: int
    workers_active: int
    workers_most: int
    workers_advised: int | None
    step: int
    steps: int
    epoch: int
    steps_per_second: float | None
    result: Mapping[str, Any] | None
    cloned_from: str | None
    verifies: str | None
    error: JobError | None
    transitions: tuple[Transition, ...]
    damage: tuple[Damage, ...]
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    first_step_at: datetime | None
    finished_at: datetime | None

    @property
    def is_terminal(self) -> bool:
        """Whether the job is over for good."""
        return self.status in TERMINAL

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; success is 1 however few steps it took."""
        if self.status in SUCCEEDED:
            return 1.0
        return min(self.step / self.steps, 1.0) if self.steps else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """How long the rest takes at the present speed; None when it does not run or the speed is unknown."""
        if self.status not in WORKING or not self.steps_per_second:
            return None
        return max(self.steps - self.step, 0) / self.steps_per_second

    @property
    def queued_ms(self) -> float | None:
        """From POST to the first claim."""
        return _milliseconds(self.created_at, self.started_at)

    @property
    def first_step_ms(self) -> float | None:
        """From the first claim to the end of the first step."""
        first_step_ms = _milliseconds(self.started_at, self.first_step_at)
        # The worker measures from before its claim was written down; no part is longer than the whole.
        return first_step_ms if first_step_ms is None else min(first_step_ms, self.run_ms or 0.0)

    @property
    def run_ms(self) -> float | None:
        """From the first claim to the end, or to the latest visible change."""
        return _milliseconds(self.started_at, self.finished_at or self.updated_at)


def create(tx: Connection, new: NewJob, job_id: str | None = None) -> Job:
    """Queue a job. What the database adds to it comes back with its INSERT: nothing is read again."""
    job_id = job_id or new_id("job")
    compared = new.verification
    row = tx.execute(
        _CREATE,
        {
            "id": job_id,
            "owner_id": new.owner_id,
            "kind": new.kind,
            "name": new.name,
            "priority": new.priority,
            "max_run_seconds": new.max_run_seconds,
            "max_queue_seconds": new.max_queue_seconds,
            "metadata_json": json.dumps(dict(new.metadata)),
            "spec_json": new.spec.spec_json,
            "inline_json": new.spec.inline_json,
            "inline_sha256": new.spec.inline_sha256,
            "spec_sha256": new.spec_sha256,
            "workers_wanted": new.workers,
            "steps": new.steps,
            "start_sha256": new.start_sha256,
            "keep_last": new.keep_last,
            "cloned_from": new.cloned_from,
            "verifies": None if compared is None else compared.verifies,
            "expected_sha256": None if compared is None else compared.expected_sha256,
            "chaos": None if compared is None else compared.chaos,
            "fingerprint": None if compared is None else compared.fingerprint,
            "arithmetic": None if compared is None or compared.fingerprint is None else ARITHMETIC,
        },
    ).one()
    if new.metadata:
        pairs = [{"job_id": job_id, "key": key, "value": value} for key, value in new.metadata.items()]
        tx.execute(insert(job_metadata), pairs)
    points.CREATED.reach()
    (made,) = JOBS.of_act("create")
    events.note(tx, job_id, made, {}, events.by_key(new.asked_by))
    told = _Told(
        spec_json=new.spec.held, metadata=new.metadata, course=events.beginning(made, row.updated_at)
    )
    return _job(row, told, Readings())


def get(tx: Connection, job_id: str, owner: str | None) -> Job:
    """The job with all of its spec that its row holds; raises NotFound. `owner` None sees everybody's."""
    row = tx.execute(_GET, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    readings = Readings()
    spec_json, course = read_held_spec(tx, row, readings), events.courses(tx, [job_id])[job_id]
    told = _Told(spec_json=spec_json, metadata=read_metadata(row, readings), course=course)
    return _job(row, told, readings)


def summary(tx: Connection, job_id: str, owner: str | None) -> Job:
    """The job as lists show it, without the bulk of its spec; raises NotFound."""
    row = tx.execute(_GET_SUMMARY, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    return summarized(row, events.courses(tx, [job_id])[job_id])


def version_of(tx: Connection, job_id: str, owner: str | None) -> int:
    """The job's version alone (for its ETag); raises NotFound."""
    row = tx.execute(_VERSION, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    version: int = row.version
    return version


def summarized(row: Row[*tuple[Any, ...]], course: Course) -> Job:
    """The job of a row of `SUMMARY`, as lists show it."""
    readings = Readings()
    spec_json = read_spec(row, readings)
    told = _Told(spec_json=spec_json, metadata=read_metadata(row, readings), course=course)
    return _job(row, told, readings)


_TIMES = ("created_at", "updated_at", "started_at", "first_step_at", "finished_at")
_COUNTS = (
    *("version", "attempt", "step", "steps", "epoch", "priority"),
    *("workers_wanted", "workers_active", "workers_most"),
)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a job has beside plain columns: a caller that has just made it need not read it."""

    spec_json: str
    metadata: Mapping[str, str] | None
    course: Course


def _job(row: Row[*tuple[Any, ...]], told: _Told, readings: Readings) -> Job:
    if told.course.damaged is not None:
        readings.missed("transitions", told.course.damaged)
    error = None
    if row.error_code is not None:
        error = JobError(code=row.error_code, message=row.error_message, param=row.error_param)
    times = {name: read_time(getattr(row, name), readings) for name in _TIMES}
    counts = {name: read_count(row, name, readings) for name in _COUNTS}
    # A worker of a version that keeps no such count may hold it.
    counts["workers_most"] = max(counts["workers_most"], counts["workers_active"])
    return Job(
        id=row.id,
        owner_id=row.owner_id,
        kind=row.kind,
        name=row.name,
        metadata=told.metadata,
        status=row.status,
        status_reason=row.status_reason,
        status_message=row.status_message,
        spec_json=told.spec_json,
        spec_sha256=row.spec_sha256,
        **counts,
        workers_advised=None if row.workers_advised is None else read_count(row, "workers_advised", readings),
        steps_per_second=row.steps_per_second,
        result=read_result(row, readings),
        cloned_from=row.cloned_from,
        verifies=row.verifies,
        error=error,
        transitions=told.course.transitions,
        damage=tuple(readings.damage),
        created_at=times["created_at"] or moment(0.0),
        updated_at=times["updated_at"] or moment(0.0),
        started_at=times["started_at"],
        first_step_at=times["first_step_at"],
        finished_at=times["finished_at"],
    )


def _milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max((end - start).total_seconds() * 1000, 0.0)


def not_found(job_id: str) -> NotFound:
    """The error about an id that there is not, or that is another owner's."""
    return NotFound(f"no job has the id {job_id!r}: GET /v1/jobs lists those that this key may see")
