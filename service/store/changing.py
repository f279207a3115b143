"""What a user changes of a job that is there: its priority, name and metadata. Its spec stays as sent."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from typing_extensions import TypedDict

from lockstep.core.spec.labels import MAX_METADATA
from lockstep.service.store import events, jobs
from lockstep.service.store.damage import damaged
from lockstep.service.store.database import clock
from lockstep.service.store.errors import Unfit
from lockstep.service.store.events import NewEvent, by_key
from lockstep.service.store.jobs import Job, not_found
from lockstep.service.store.records import Readings, read_metadata
from lockstep.service.store.tables import job_metadata
from lockstep.service.store.tables import jobs as table

_ASK = (
    select(table.c.owner_id, table.c.priority, table.c.name, table.c.metadata_json)
    .where(table.c.id == bindparam("job_id"))
    .with_for_update()
)
_THIS = table.c.id == bindparam("of_job")
_SEEN = {"version": table.c.version + 1, "updated_at": clock()}
_FORGET = delete(job_metadata).where(job_metadata.c.job_id == bindparam("of_job"))


class Changes(TypedDict, total=False):
    """A merge patch (RFC 7396) of what may be changed: what is None becomes as if it had never been given."""

    priority: int | None
    name: str | None
    metadata: Mapping[str, str | None] | None


def change(tx: Connection, job_id: str, owner: str | None, patch: Changes, by: str | None = None) -> Job:
    """Change a job and return it as it is then; where nothing is other than before, nothing is noted.

    `by`: the id of the key that asks. Raises NotFound, Unfit for too many metadata, and Damaged where those
    that are there can't be read.
    """
    row = tx.execute(_ASK, {"job_id": job_id}).one_or_none()
    if row is None or owner not in (None, row.owner_id):
        raise not_found(job_id)
    changed: dict[str, Any] = {}
    if "priority" in patch and (patch["priority"] or 0) != row.priority:
        changed["priority"] = patch["priority"] or 0
    if "name" in patch and patch["name"] != row.name:
        changed["name"] = patch["name"]
    if "metadata" in patch:
        before, after = _metadata(job_id, row, patch["metadata"])
        if before != after:
            changed["metadata"] = after
    if changed:
        _write(tx, job_id, changed)
        data = {**changed, **by_key(by)}
        events.append(tx, job_id, NewEvent(type="changed", message=_told(changed), data=data))
    return jobs.get(tx, job_id, owner)


def _metadata(
    job_id: str, row: Row[*tuple[Any, ...]], patch: Mapping[str, str | None] | None
) -> tuple[Mapping[str, str] | None, dict[str, str]]:
    """A job's metadata before and after; before, None where they are damaged."""
    readings = Readings()
    before = read_metadata(row, readings)
    if patch is None:
        return before, {}
    if before is None:
        raise damaged("metadata", job_id, readings.damage[0].message)
    merged = {**before, **patch}
    after = {key: value for key, value in merged.items() if value is not None}
    if len(after) > MAX_METADATA:
        raise Unfit(
            "/metadata",
            "too_long",
            f"expected at most {MAX_METADATA} entries, got {len(after)} with those that are there; "
            "take some out by null",
        )
    return before, after


def _write(tx: Connection, job_id: str, changed: Mapping[str, Any]) -> None:
    values = dict(changed)
    if "metadata" in values:
        metadata: dict[str, str] = values.pop("metadata")
        values["metadata_json"] = json.dumps(metadata)
        tx.execute(_FORGET, {"of_job": job_id})
        if metadata:
            pairs = [{"job_id": job_id, "key": key, "value": value} for key, value in metadata.items()]
            tx.execute(insert(job_metadata), pairs)
    tx.execute(update(table).where(_THIS).values(**_SEEN, **values), {"of_job": job_id})


def _told(changed: Mapping[str, Any]) -> str:
    """What is new, as a sentence."""
    told = {key: json.dumps(value, ensure_ascii=False) for key, value in changed.items()}
    return "the job was changed: " + ", ".join(f"its {key} is now {value}" for key, value in told.items())
