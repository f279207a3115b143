"""A spec's JSON with and without its bulk: inline data and initial weights, which may be megabytes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, bindparam, func, select

from lockstep.core.spec import AnyResolvedSpec, read_resolved
from lockstep.service.store import blobs
from lockstep.service.store.damage import damaged, json_object, parsed
from lockstep.service.store.errors import Corrupt, NotFound
from lockstep.service.store.spec_text import PLACES, is_unchanged
from lockstep.service.store.tables import blob_parts, jobs

MAX_INLINE_IN_ROW = 64 * 2**10
"""Characters of bulk that the job's row holds itself; more of them are a blob."""
_STORED = select(
    jobs.c.id,
    jobs.c.kind,
    jobs.c.spec_json,
    jobs.c.inline_json,
    jobs.c.inline_sha256,
    jobs.c.spec_sha256,
).where(jobs.c.id == bindparam("job_id"))


_blob_size = (
    select(func.sum(func.length(blob_parts.c.data)))
    .where(blob_parts.c.sha256 == jobs.c.inline_sha256)
    .scalar_subquery()
)
_SIZE = select(
    func.length(jobs.c.spec_json) + func.coalesce(func.length(jobs.c.inline_json), _blob_size, 0)
).where(jobs.c.id == bindparam("job_id"))


@dataclass(frozen=True, kw_only=True)
class SpecColumns:
    """The columns of a job that hold its spec."""

    spec_json: str
    inline_json: str | None
    inline_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class StoredSpec(SpecColumns):
    """A spec to be stored. `held`: the spec with what its columns hold of the bulk, as JSON."""

    held: str


@dataclass(frozen=True, kw_only=True)
class WholeSpec:
    """A job's spec as JSON, its bulk in it."""

    job_id: str
    kind: str
    spec_json: str

    def resolved(self) -> AnyResolvedSpec:
        """The spec as a value; raises Damaged. It may be megabytes: no transaction should wait for this."""
        try:
            return read_resolved(self.kind, self.spec_json)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "/".join(str(part) for part in first["loc"])
            reason = f"it is not the spec of a job of the kind {self.kind}: /{where}: {first['msg']}"
            raise damaged("spec", self.job_id, reason) from error


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A spec as its job's row holds it, and the bytes of the blob that the row names, if it names one.

    `sha256` is that of the whole spec.
    """

    stored: StoredSpec
    sha256: str
    blob: bytes | None = None


def take_apart(spec: AnyResolvedSpec) -> Parts:
    """The parts of a spec. It may be megabytes: no transaction should wait for this, and none is parsed."""
    whole = spec.model_dump_json(exclude_none=True)
    bulk = [_dumped(spec, part, key) for part, key in PLACES]
    if bulk == [None] * len(bulk):
        return parts_of(whole, whole, bulk)
    rest = spec.model_dump_json(exclude_none=True, exclude={part: {key} for part, key in PLACES})
    return parts_of(whole, rest, bulk)


def _dumped(spec: AnyResolvedSpec, part: str, key: str) -> str | None:
    """The JSON of what may be megabytes; None where the spec has none."""
    if getattr(getattr(spec, part, None), key, None) is None:
        return None
    text = spec.model_dump_json(exclude_none=True, include={part: {key}})
    return text.removeprefix(f'{{"{part}":{{"{key}":').removesuffix("}}")


def parts_of(whole: str, rest: str, bulk: Sequence[str | None]) -> Parts:
    """The parts of a spec whose JSON is `whole`; `rest` lacks the bulk, which `bulk` has, None for none."""
    text = "\n".join(value or "null" for value in bulk) if any(bulk) else None
    if text is None or len(text) <= MAX_INLINE_IN_ROW:
        stored = StoredSpec(spec_json=rest, inline_json=text, inline_sha256=None, held=whole)
        return Parts(stored=stored, sha256=_sha256(whole.encode()))
    blob = text.encode()
    stored = StoredSpec(spec_json=rest, inline_json=None, inline_sha256=_sha256(blob), held=rest)
    return Parts(stored=stored, sha256=_sha256(whole.encode()), blob=blob)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def load(tx: Connection, job_id: str) -> WholeSpec:
    """A job's whole spec; raises Damaged, and NotFound where there is no such job."""
    row = tx.execute(_STORED, {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"no job has the id {job_id!r}")
    text, lines = _read(tx, job_id, _columns(row))
    if not is_unchanged(row.spec_json, lines, text, row.spec_sha256):
        raise damaged("spec", job_id, "it no longer has the SHA-256 that it was stored under")
    return WholeSpec(job_id=job_id, kind=row.kind, spec_json=text)


def size(tx: Connection, job_id: str) -> int:
    """About how many bytes a job's whole spec has, which is not read; 0 where there is no such job."""
    return int(tx.execute(_SIZE, {"job_id": job_id}).scalar_one_or_none() or 0)


def held(tx: Connection, row: Row[*tuple[Any, ...]]) -> str:
    """The spec with what its row holds of the bulk, as JSON; raises Damaged. No blob is read."""
    if row.inline_sha256 is None:
        return whole(tx, row)
    try:
        spec = json_object(row.spec_json, finite=True)
        if not any(isinstance(spec.get(part), dict) for part, _ in PLACES):
            raise _NoPlace("it has no place for what is stored beside it")
    except ValueError as error:
        raise damaged("spec", row.id, error) from error
    spec_json: str = row.spec_json
    return spec_json


def whole(tx: Connection, row: Row[*tuple[Any, ...]]) -> str:
    """The whole spec of a job's row, as JSON; raises Damaged."""
    return whole_of(tx, row.id, _columns(row))


def _columns(row: Row[*tuple[Any, ...]]) -> SpecColumns:
    return SpecColumns(spec_json=row.spec_json, inline_json=row.inline_json, inline_sha256=row.inline_sha256)


def whole_of(tx: Connection, job_id: str, columns: SpecColumns) -> str:
    """The whole spec of a job's columns, as JSON; raises Damaged.

    The bulk is joined as text: parsing megabytes would cost more than all else. That a blob is what was
    stored, its hash tells; text in the row has none, and is parsed.
    """
    return _read(tx, job_id, columns)[0]


def _read(tx: Connection, job_id: str, columns: SpecColumns) -> tuple[str, list[str]]:
    """The whole spec, and the lines of its bulk; raises Damaged."""
    try:
        spec = json_object(columns.spec_json, finite=True)
    except ValueError as error:
        raise damaged("spec", job_id, error) from error
    try:
        lines = _bulk(tx, columns)
        has_bulk = any(line != "null" for line in lines)
        return _joined(spec, lines) if has_bulk else columns.spec_json, lines
    except _NoPlace as error:
        raise damaged("spec", job_id, error) from error
    except (Corrupt, NotFound, ValueError) as error:
        raise damaged("inline_data", job_id, error) from error


def _bulk(tx: Connection, columns: SpecColumns) -> list[str]:
    """The lines of JSON of a spec's bulk; raises Corrupt, NotFound or ValueError where they are damaged."""
    text = columns.inline_json
    if columns.inline_sha256 is not None:
        text = blobs.get(tx, columns.inline_sha256).decode()
    if text is None:
        return []
    lines = text.split("\n")
    if len(lines) != len(PLACES):
        raise ValueError(f"expected {len(PLACES)} lines, found {len(lines)}")
    if columns.inline_sha256 is None:
        for line in lines:
            parsed(line, finite=True)
    return lines


def _joined(spec: dict[str, Any], lines: list[str]) -> str:
    for (part, key), line in zip(PLACES, lines, strict=True):
        if line != "null":
            spec[part] = _Text(f'{_opened(json.dumps(_place(spec, part)))}"{key}": {line}}}')
    members = (
        f"{json.dumps(name)}: {value if isinstance(value, _Text) else json.dumps(value)}"
        for name, value in spec.items()
    )
    return f"{{{', '.join(members)}}}"


def _place(spec: dict[str, Any], part: str) -> dict[str, Any]:
    place = spec.get(part)
    if not isinstance(place, dict):
        raise _NoPlace(f"it has no {part!r} for what is stored beside it")
    return place


class _NoPlace(ValueError):
    """The spec lacks the part that the bulk belongs to."""


class _Text(str):
    """JSON text that is written as it is."""

    __slots__ = ()


def _opened(text: str) -> str:
    """A JSON object's text, ready for one more pair."""
    return "{" if text == "{}" else text[:-1] + ", "
