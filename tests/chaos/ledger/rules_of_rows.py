"""What the database holds in the end."""

import base64
from collections import defaultdict
from collections.abc import Callable, Iterator

from tests.chaos.ledger.evidence import HELD, OVER, Evidence, Line


def history_is_whole(evidence: Evidence) -> Iterator[str]:
    """I6: no step of a series is missing, and none is there twice."""
    for job, chunks in evidence.rows_of["history"].items():
        by_series: dict[str, list[Line]] = defaultdict(list)
        for chunk in chunks:
            by_series[chunk["series"]].append(chunk)
        for series, parts in by_series.items():
            yield from (f"{job}, {series}: {wrong}" for wrong in _wrong_in(parts))
        row = evidence.jobs.get(job)
        wanted = None if row is None else evidence.wanted.get(row["name"])
        if row is not None and wanted is not None:
            yield from _main_series(row, wanted.series, by_series[wanted.series])


def _wrong_in(parts: list[Line]) -> Iterator[str]:
    last = -1
    for part in parts:
        first, stride, size = part["first_step"], part["stride"], part["size"]
        if first <= last:
            yield f"steps {first} to {last} are there twice"
        if stride and part["last_step"] != first + stride * (size - 1):
            yield f"{size} points from {first} on do not end at {part['last_step']}"
        if part.get("grows") is False:
            yield f"the steps from {first} on do not grow"
        last = part["last_step"]


def _main_series(row: Line, series: str, parts: list[Line]) -> Iterator[str]:
    """A point for each step, from the first one on, up to the job's."""
    at = 0
    for part in parts:
        if part["first_step"] != at or part["stride"] not in (0, 1):
            yield f"{row['id']}, {series}: expected step {at}, found {part['first_step']}"
            return
        at = part["last_step"] + 1
    least = row["step"]
    if at < least:
        yield f"{row['id']}, {series}: {at} points of {least} steps"


def bits_are_the_expected(evidence: Evidence) -> Iterator[str]:
    """I7: the recorded values are those that the core computes alone, bit for bit."""
    for job, row in evidence.jobs.items():
        wanted = evidence.wanted.get(row["name"])
        if wanted is None:
            continue
        parts = [part for part in evidence.rows_of["history"][job] if part["series"] == wanted.series]
        if all("points" in part for part in parts):
            found = b"".join(base64.b64decode(part["points"]) for part in parts)
            if not wanted.points.startswith(found):
                yield f"{job}: the values of {wanted.series} are others"
            elif row["status"] == "succeeded" and len(found) != len(wanted.points):
                yield f"{job}: {len(found)} bytes of {wanted.series}, expected {len(wanted.points)}"
        elif row["status"] == "succeeded" and [part["points_sha256"] for part in parts] != [
            wanted.points_sha256
        ]:
            yield f"{job}: the values of {wanted.series} are others, or in several chunks"


def digests_are_the_expected(evidence: Evidence) -> Iterator[str]:
    """I12: what a job has learned is what the core learns alone."""
    for job, row in evidence.jobs.items():
        wanted = evidence.wanted.get(row["name"])
        if row["status"] != "succeeded":
            continue
        if wanted is None:
            yield f"{job} has the name {row['name']!r}, which nobody gave it"
            continue
        result = row["result_json"] or {}
        if result.get("weights_sha256") != wanted.digest:
            found = result.get("weights_sha256")
            yield f"{job} ({row['name']}) has the digest {found}, expected {wanted.digest}"
        if result.get("steps") != wanted.steps:
            yield f"{job} ({row['name']}) took {result.get('steps')} steps, expected {wanted.steps}"
        if len(evidence.rows_of["weights"][job]) != 1:
            yield f"{job} has succeeded, and its weights are not there"


def stored_bytes_are_sound(evidence: Evidence) -> Iterator[str]:
    """I8: checkpoints and weights are the bytes that were saved."""
    for table in ("checkpoints", "weights"):
        for row in evidence.rows[table]:
            if row["sha256"] != row["found_sha256"]:
                yield f"{row['job_id']}: {table} has bytes that are not those of {row['sha256']}"


def checkpoints_are_of_their_attempts(evidence: Evidence) -> Iterator[str]:
    """I5: a checkpoint was saved by an attempt that there was, at a step that was reached."""
    for job, rows in evidence.rows_of["checkpoints"].items():
        numbers = {row["number"] for row in evidence.rows_of["attempts"][job]}
        for row in rows:
            if row["attempt"] not in numbers:
                yield f"{job}: a checkpoint of attempt {row['attempt']}, which never was"


def ended_jobs_are_let_go(evidence: Evidence) -> Iterator[str]:
    """I10: nobody holds a job that is over, and nobody holds one for ever."""
    for job, row in evidence.jobs.items():
        if row["status"] in OVER and (row["worker_id"] is not None or row["lease_expires_at"] is not None):
            yield f"{job} is {row['status']}, and {row['worker_id']} holds it"
        if row["status"] in HELD:
            yield f"{job} is still {row['status']}"
    for row in evidence.rows["workers"]:
        done = evidence.jobs.get(row["job_id"])
        is_fresh = row["heartbeat_at"] > row["at"] - FRESH_SECONDS
        if done is not None and done["status"] in OVER and row["state"] != "idle" and is_fresh:
            yield f"{row['id']} says that it is {row['state']} {row['job_id']}, which is over"


def secrets_are_erased(evidence: Evidence) -> Iterator[str]:
    """An attempt that has ended keeps no secret of its group."""
    for row in evidence.rows["attempts"]:
        if row["ended_at"] is not None and row["has_secret"]:
            yield f"{row['job_id']}: attempt {row['number']} has ended and keeps its secret"


def members_have_left(evidence: Evidence) -> Iterator[str]:
    """Of a job that is over all members are seen off."""
    for row in evidence.rows["members"]:
        job = evidence.jobs.get(row["job_id"])
        if job is not None and job["status"] in OVER and row["left_step"] is None:
            yield f"{row['job_id']}: member {row['number']} of attempt {row['attempt']} has not left"


def service_closes(evidence: Evidence) -> Iterator[str]:
    """Every process ends within 15 s of SIGTERM, and none has met an error that it did not expect."""
    for line in evidence.others["closed"]:
        if line["late"]:
            yield f"{line['late']} did not end when they were told to"


FRESH_SECONDS = 1.5
ROWS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "I6 history is whole": history_is_whole,
    "I7 bits are the expected": bits_are_the_expected,
    "I12 digests are the expected": digests_are_the_expected,
    "I8 stored bytes are sound": stored_bytes_are_sound,
    "I5 checkpoints are of their attempts": checkpoints_are_of_their_attempts,
    "I10 ended jobs are let go": ended_jobs_are_let_go,
    "secrets are erased": secrets_are_erased,
    "members have left": members_have_left,
    "service closes": service_closes,
}
