"""What a database holds in the end, row by row, as lines of a history."""

import base64
import hashlib
import json
from itertools import pairwise
from typing import Any

from tests.chaos.ledger import audit
from tests.chaos.ledger.plain_sql import PlainSql
from tests.chaos.ledger.recording import Recorder

SHOWN_BYTES = 64 * 1024
"""Of a longer series only the hash is told."""
_QUERIES = {
    "jobs": (
        "SELECT id, kind, name, status, status_reason, attempt, evictions, step, steps, checkpoint_step,"
        " worker_id, lease_expires_at, error_code, error_message, result_json FROM jobs ORDER BY id"
    ),
    "idempotency_keys": "SELECT key, job_id FROM idempotency_keys ORDER BY key",
    "attempts": (
        "SELECT job_id, number, worker_id, pid, started_at, ended_at, outcome,"
        " secret IS NOT NULL AS has_secret FROM attempts ORDER BY job_id, number"
    ),
    "events": "SELECT id, job_id, at, type, data_json FROM events ORDER BY id",
    "members": "SELECT job_id, attempt, number, left_step, left_how FROM members",
    "counters": "SELECT name, labels, sum(value) AS value FROM counters GROUP BY name, labels",
    "workers": "SELECT id, pid, state, job_id, heartbeat_at FROM workers",
}
_CHECKPOINTS = "SELECT job_id, step, attempt, sha256 FROM checkpoints ORDER BY job_id, step"
_CHECKPOINT = "SELECT data FROM checkpoint_parts WHERE job_id = ? AND step = ? ORDER BY part"
_WEIGHTS = "SELECT job_id, sha256 FROM weights"
_BLOB = "SELECT data FROM blob_parts WHERE sha256 = ? ORDER BY part"
_HISTORY = (
    "SELECT job_id, series, first_step, last_step, size, stride, steps, points FROM history"
    " ORDER BY job_id, series, first_step"
)


def write_end(recorder: Recorder, database: PlainSql) -> None:
    """Write all rows that a checker asks for, and the audit."""
    recorder.write_all("audit", audit.committed(database))
    for table, query in _QUERIES.items():
        for row in database.rows(query):
            recorder.write("row", table=table, **_named(row))
    for row in database.rows(_CHECKPOINTS):
        found = joined_sha256(database.rows(_CHECKPOINT, (row["job_id"], row["step"])))
        recorder.write("row", table="checkpoints", **row, found_sha256=found)
    for row in database.rows(_WEIGHTS):
        found = joined_sha256(database.rows(_BLOB, (row["sha256"],)))
        recorder.write("row", table="weights", **row, found_sha256=found)
    for row in database.rows(_HISTORY):
        recorder.write("row", table="history", **_chunk(row))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """A row, with what is JSON in it read, and without the name `at` of a line's own time."""
    values = {("happened_at" if name == "at" else name): value for name, value in row.items()}
    for name in ("result_json", "data_json"):
        if isinstance(values.get(name), str):
            values[name] = json.loads(values[name])
    return values


def _chunk(row: dict[str, Any]) -> dict[str, Any]:
    points, steps = bytes(row.pop("points")), row.pop("steps")
    told = {**row, "bytes": len(points), "points_sha256": hashlib.sha256(points).hexdigest()}
    if row["series"] in ("loss", "value") and len(points) <= SHOWN_BYTES:
        told["points"] = base64.b64encode(points).decode()
    if steps is not None:
        numbers = [int.from_bytes(steps[place : place + 8], "little") for place in range(0, len(steps), 8)]
        told["grows"] = all(before < after for before, after in pairwise(numbers))
    return told


def joined_sha256(rows: list[dict[str, Any]]) -> str:
    """The SHA-256 of what the rows hold in `data`, one after the other."""
    sha256 = hashlib.sha256()
    for row in rows:
        sha256.update(bytes(row["data"]))
    return sha256.hexdigest()
