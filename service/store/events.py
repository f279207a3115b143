"""What happened to a job, in order. Events of type "status" are its transitions."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, cast

from pydantic import JsonValue
from sqlalchemy import Connection, Row, bindparam, insert, select

from lockstep.service.store import counted
from lockstep.service.store.damage import json_object
from lockstep.service.store.database import clock, moment
from lockstep.service.store.lifecycle import StatusChange
from lockstep.service.store.statuses import STATUSES, Status
from lockstep.service.store.tables import events, jobs

Level = Literal["info", "warning", "error"]
NOTHING: Mapping[str, object] = MappingProxyType({})

_APPEND = insert(events).values(
    job_id=bindparam("job_id"),
    at=clock(),
    level=bindparam("level"),
    type=bindparam("type"),
    message=bindparam("message"),
    data_json=bindparam("data_json"),
)
_changed_at = select(jobs.c.updated_at).where(jobs.c.id == bindparam("job_id")).scalar_subquery()
_APPEND_STATUS = insert(events).values(
    job_id=bindparam("job_id"),
    # The very moment that the job's row has, not the one of this statement.
    at=_changed_at,
    level="info",
    type="status",
    message=bindparam("message"),
    data_json=bindparam("data_json"),
)
_ALIKE = (
    select(events.c.id)
    .where(
        events.c.job_id == bindparam("job_id"),
        events.c.type == bindparam("type"),
        events.c.data_json == bindparam("data_json"),
    )
    .limit(1)
)
_LIST = (
    select(events.c.id, events.c.at, events.c.level, events.c.type, events.c.message, events.c.data_json)
    .where(events.c.job_id == bindparam("job_id"), events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("most"))
)
_FINDINGS = select(events.c.data_json).where(
    events.c.job_id == bindparam("job_id"), events.c.type == "finding"
)
_NEWEST_STATUS = (
    select(events.c.data_json)
    .where(events.c.job_id == bindparam("job_id"), events.c.type == "status")
    .order_by(events.c.id.desc())
)
_TRANSITIONS = (
    select(events.c.job_id, events.c.at, events.c.data_json)
    .where(events.c.job_id.in_(bindparam("job_ids", expanding=True)), events.c.type == "status")
    .order_by(events.c.job_id, events.c.id)
)


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """`type` is a word for programs, `message` a sentence for people."""

    type: str
    message: str
    data: Mapping[str, object] = field(default_factory=dict)
    level: Level = "info"


@dataclass(frozen=True, kw_only=True)
class Event:
    """`id` grows along a job's events."""

    id: int
    at: datetime
    level: Level
    type: str
    message: str
    data: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A job came to `status`."""

    status: Status
    reason: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Course:
    """A job's transitions, oldest first; `damaged` says why some of them can't be read, if so."""

    transitions: tuple[Transition, ...] = ()
    damaged: str | None = None


def append(tx: Connection, job_id: str, new: NewEvent) -> None:
    """Note an event. The transaction must hold the job's row, so that ids grow in the order of commits."""
    row = {"level": new.level, "type": new.type, "message": clean(new.message)}
    tx.execute(_APPEND, {"job_id": job_id, **row, "data_json": json.dumps(new.data)})


def is_noted(tx: Connection, job_id: str, new: NewEvent) -> bool:
    """Whether the job has an event of this type with these data."""
    row = {"job_id": job_id, "type": new.type, "data_json": json.dumps(new.data)}
    return tx.execute(_ALIKE, row).first() is not None


def note(
    tx: Connection,
    job_id: str,
    change: StatusChange,
    given: Mapping[str, object],
    more: Mapping[str, object] = NOTHING,
) -> None:
    """Note a change of a job's status as the transition table has it, with these values of its parameters.

    `more`: what the event tells besides. Called after the change, in its transaction: the event has its time.
    """
    if change.event != "status" or change.target is None:
        return
    data = {"status": change.target, "reason": change.reason(given), **more}
    row = {"message": f"the job is {change.target}", "data_json": json.dumps(data)}
    tx.execute(_APPEND_STATUS, {"job_id": job_id, **row})
    counted.job_came_to(tx, job_id, change.target, change.act)


def by_key(key_id: str | None) -> Mapping[str, object]:
    """What an event tells of who asked for what it is about."""
    return NOTHING if key_id is None else {"key": key_id}


def beginning(made: StatusChange, at: float) -> Course:
    """The course of a job that a change has just made, at `at` by the database's clock."""
    first = Transition(status=cast("Status", made.target), reason=made.reason({}), at=moment(at))
    return Course(transitions=(first,))


def list_events(tx: Connection, job_id: str, after: int = 0, limit: int = 100) -> list[Event]:
    """At most `limit` events with ids greater than `after`, oldest first.

    One whose data can't be read has none, and its message says so.
    """
    return [_event(row) for row in tx.execute(_LIST, {"job_id": job_id, "after": after, "most": limit})]


def numerics(tx: Connection, job_id: str) -> dict[str, str]:
    """Hashes of what decides the bits of the job's last worker; empty where nobody has noted them."""
    for text in tx.execute(_NEWEST_STATUS, {"job_id": job_id}).scalars():
        with contextlib.suppress(ValueError):
            noted = json_object(text).get("numerics")
            if isinstance(noted, dict):
                return {str(part): str(sha256) for part, sha256 in noted.items()}
    return {}


def findings(tx: Connection, job_id: str) -> set[tuple[str, str | None]]:
    """Code and layer of each finding that was told of a job, as far as that can be read."""
    told: set[tuple[str, str | None]] = set()
    for text in tx.execute(_FINDINGS, {"job_id": job_id}).scalars():
        # A damaged one is told once more, which harms nobody.
        with contextlib.suppress(ValueError, KeyError):
            data = json_object(text)
            told.add((str(data["code"]), None if data["layer"] is None else str(data["layer"])))
    return told


def courses(tx: Connection, job_ids: Sequence[str]) -> dict[str, Course]:
    """The transitions of each of the jobs."""
    found: dict[str, list[Transition]] = {job_id: [] for job_id in job_ids}
    damaged: dict[str, str] = {}
    for job_id, at, data_json in tx.execute(_TRANSITIONS, {"job_ids": list(job_ids)}):
        try:
            found[job_id].append(_transition(data_json, moment(at)))
        except ValueError as error:
            damaged[job_id] = f"that of {moment(at):%Y-%m-%d %H:%M:%S} UTC: {error}"
    return {
        job_id: Course(transitions=tuple(each), damaged=damaged.get(job_id)) for job_id, each in found.items()
    }


def _event(row: Row[int, float, str, str, str, str]) -> Event:
    data, message = {}, row.message
    try:
        data = json_object(row.data_json)
    except ValueError as error:
        message = f"{message} (what else was recorded of this event can't be read: {error})"
    return Event(id=row.id, at=moment(row.at), level=row.level, type=row.type, message=message, data=data)


def _transition(data_json: str, at: datetime) -> Transition:
    """Raises ValueError where the text is none."""
    data = json_object(data_json)
    status, reason = data.get("status"), data.get("reason")
    if status not in STATUSES or not (reason is None or isinstance(reason, str)):
        raise ValueError(f"expected a status and its reason, found {data_json[:100]}")
    return Transition(status=status, reason=reason, at=at)


def clean(message: str) -> str:
    """Text that both databases can hold: without NUL and without halves of surrogate pairs."""
    return message.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
