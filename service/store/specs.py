"""A spec's JSON with and without its bulk: inline data and initial weights, which may be megabytes."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from service.store import blobs

MOST_INLINE_IN_ROW = 64 * 2**10
"""Characters of bulk that the job's row holds itself; more of them are a blob."""
_BULK = (("data", "inline"), ("model", "initial_weights"))
"""Where in a spec its bulk stands. Each has a line of JSON in the bulk's text, "null" where it is absent."""


@dataclass(frozen=True, kw_only=True)
class StoredSpec:
    """The columns of a job that hold its spec."""

    spec_json: str
    inline_json: str | None
    inline_sha256: str | None


def take_apart(tx: Connection, spec_json: str) -> StoredSpec:
    """The parts of a whole spec; a large bulk is put into blobs."""
    spec = json.loads(spec_json)
    bulk = [
        spec[part].pop(key) if isinstance(spec.get(part), dict) and spec[part].get(key) is not None else None
        for part, key in _BULK
    ]
    if not any(value is not None for value in bulk):
        return StoredSpec(spec_json=spec_json, inline_json=None, inline_sha256=None)
    text = "\n".join(json.dumps(value, separators=(",", ":")) for value in bulk)
    rest = json.dumps(spec)
    if len(text) <= MOST_INLINE_IN_ROW:
        return StoredSpec(spec_json=rest, inline_json=text, inline_sha256=None)
    return StoredSpec(spec_json=rest, inline_json=None, inline_sha256=blobs.put(tx, text.encode()))


def put_together(tx: Connection, stored: StoredSpec) -> str:
    """The whole spec again. The bulk is joined as text: parsing it would cost more than all else."""
    text = stored.inline_json
    if stored.inline_sha256 is not None:
        text = blobs.get(tx, stored.inline_sha256).decode()
    if text is None:
        return stored.spec_json
    spec = json.loads(stored.spec_json)
    for (part, key), line in zip(_BULK, text.split("\n"), strict=True):
        if line != "null":
            spec[part] = _Text(f'{_opened(json.dumps(spec[part]))}"{key}": {line}}}')
    members = (
        f"{json.dumps(name)}: {value if isinstance(value, _Text) else json.dumps(value)}"
        for name, value in spec.items()
    )
    return f"{{{', '.join(members)}}}"


class _Text(str):
    """JSON text that is written as it is."""

    __slots__ = ()


def _opened(json_object: str) -> str:
    """A JSON object's text, ready for one more pair."""
    return "{" if json_object == "{}" else json_object[:-1] + ", "
