"""A spec's JSON with and without its inline data, which may be megabytes."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from service.store import blobs

MOST_INLINE_IN_ROW = 64 * 2**10
"""Characters of inline data that the job's row holds itself; longer ones are a blob."""


@dataclass(frozen=True, kw_only=True)
class StoredSpec:
    """The columns of a job that hold its spec."""

    spec_json: str
    inline_json: str | None
    inline_sha256: str | None


def take_apart(tx: Connection, spec_json: str) -> StoredSpec:
    """The parts of a whole spec; large inline data are put into blobs."""
    spec = json.loads(spec_json)
    data = spec.get("data")
    if not isinstance(data, dict) or data.get("inline") is None:
        return StoredSpec(spec_json=spec_json, inline_json=None, inline_sha256=None)
    inline = json.dumps(data.pop("inline"), separators=(",", ":"))
    rest = json.dumps(spec)
    if len(inline) <= MOST_INLINE_IN_ROW:
        return StoredSpec(spec_json=rest, inline_json=inline, inline_sha256=None)
    sha256 = blobs.put(tx, inline.encode())
    return StoredSpec(spec_json=rest, inline_json=None, inline_sha256=sha256)


def put_together(tx: Connection, stored: StoredSpec) -> str:
    """The whole spec again. Inline data are joined as text: parsing them would cost more than all else."""
    inline = stored.inline_json
    if stored.inline_sha256 is not None:
        inline = blobs.get(tx, stored.inline_sha256).decode()
    if inline is None:
        return stored.spec_json
    spec = json.loads(stored.spec_json)
    data = json.dumps(spec.pop("data"))
    opening = _opened(json.dumps(spec)) + f'"data": {_opened(data)}"inline": '
    return f"{opening}{inline}}}}}"


def _opened(json_object: str) -> str:
    """A JSON object's text, ready for one more pair."""
    return "{" if json_object == "{}" else json_object[:-1] + ", "
