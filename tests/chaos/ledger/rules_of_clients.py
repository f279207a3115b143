"""What clients were told must be so, and must stay so."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.chaos.ledger.evidence import CREATED, GONE, OK, Evidence

CREATING = ("create", "clone")
REFUSALS = {"create": {409, 429, 503}, "clone": {409, 429, 503}, "reuse": {201, 422, 409, 429, 503}}
"""What may be answered beside success. A key's reuse is taken where its first body never came."""

CLOCK_SECONDS = 0.01
"""How far the clocks of a client and of the database may lie apart; SQLite's counts milliseconds."""
KEPT_OF_THE_DELETED = ("idempotency_keys", "workers")


def accepted_is_kept(evidence: Evidence) -> Iterator[str]:
    """I1: each job whose POST was answered is there at the end, unless its user has deleted it."""
    jobs, deleted = evidence.jobs, evidence.deleted
    for call in evidence.calls:
        if call["act"] in CREATING and call["status"] == CREATED:
            job = call["answer"].get("id")
            if job not in jobs and not (job in deleted and evidence.asked(job, "delete")):
                yield f"{job} was accepted with the key {call['key']} and is not there"


def one_job_for_a_key(evidence: Evidence) -> Iterator[str]:
    """I1: a key makes one job, and every job was made by one key."""
    by_key: dict[str, set[str]] = defaultdict(set)
    for call in evidence.calls:
        if call["act"] in (*CREATING, "reuse") and call["status"] == CREATED:
            by_key[call["key"]].add(call["answer"].get("id"))
    stored = {row["key"]: row["job_id"] for row in evidence.rows["idempotency_keys"]}
    for key, job in stored.items():
        by_key[key].add(job)
    for key, jobs in by_key.items():
        if len(jobs) > 1:
            yield f"the key {key} has made {sorted(jobs)}"
    made = set().union(*by_key.values()) if by_key else set()
    for job in evidence.jobs:
        if job not in made:
            yield f"{job} was made by no key: it is one too many"


def answers_are_known(evidence: Evidence) -> Iterator[str]:
    """The service never answers that it has an error of its own, nor with a word that the contract lacks."""
    for call in evidence.calls:
        status = call["status"]
        if status is None or status in (OK, CREATED, GONE, 503):
            continue
        allowed = REFUSALS.get(call["act"], {409, 429})
        if status not in allowed:
            yield f"{call['act']} of {call['job'] or call['key']} was answered {status}: {call['answer']}"


def over_stays_over(evidence: Evidence) -> Iterator[str]:
    """I2: once a client was told that a job is over, everybody who asks later is told the same."""
    for job, calls in evidence.calls_on.items():
        told = [
            call for call in calls if call["answer"].get("is_terminal") and call["answer"].get("id") == job
        ]
        if not told:
            continue
        first = min(told, key=lambda call: call["at"])
        for call in calls:
            status = call["answer"].get("status") if call["answer"].get("id") == job else None
            later = call["asked_at"] > first["at"]
            if later and call["status"] == OK and status is not None and status != first["answer"]["status"]:
                yield f"{job} was {first['answer']['status']}, then {status}"


def digests_are_told(evidence: Evidence) -> Iterator[str]:
    """I12: each digest that a client was told is that of the job's spec."""
    names = {row["id"]: row["name"] for row in evidence.rows["jobs"]}
    for call in evidence.calls:
        digest, job = call["answer"].get("digest"), call["answer"].get("id")
        wanted = evidence.wanted.get(names.get(job, ""))
        if digest is not None and wanted is not None and digest != wanted.digest:
            yield f"a client was told that {job} has the digest {digest}, expected {wanted.digest}"


def cancelled_stays_cancelled(evidence: Evidence) -> Iterator[str]:
    """I11: a cancel that was taken is never undone, and nobody is cancelled who was not asked for."""
    jobs = evidence.jobs
    for job, row in jobs.items():
        calls = evidence.asked(job, "cancel")
        taken = [
            c for c in calls if c["status"] == OK and c["answer"].get("status") in ("cancelling", "cancelled")
        ]
        if taken and row["status"] != "cancelled":
            yield f"{job} was to be cancelled, and is {row['status']}"
        if row["status"] == "cancelled" and not calls:
            yield f"{job} is cancelled, and nobody has asked for it"


def paused_stays_paused(evidence: Evidence) -> Iterator[str]:
    """A job that is paused, or about to be, works again only where its user has asked for that before."""
    for job in list(evidence.audit):
        statuses = evidence.statuses(job)
        for (since, before), (at, after) in pairwise(statuses):
            is_kept = before == "pausing" and after not in ("running", "queued")
            if is_kept or before not in ("paused", "pausing"):
                continue
            asked = evidence.asked(job, "resume", "cancel")
            # A resume that came while it was still pausing may be what takes it out.
            if not any(call["asked_at"] <= at + CLOCK_SECONDS for call in asked):
                yield f"{job} was {before} at {since:.3f}, {after} at {at:.3f}, and nobody has asked for it"


def deleted_stays_deleted(evidence: Evidence) -> Iterator[str]:
    """A deleted job is not found any more, and nothing of it is left."""
    gone = {
        job: call["at"]
        for job, calls in evidence.calls_on.items()
        for call in calls
        if call["act"] == "delete" and call["status"] == OK
    }
    for job, at in gone.items():
        for call in evidence.calls_on[job]:
            if call["asked_at"] > at and call["status"] in (OK, CREATED):
                yield f"{job} was deleted, and {call['act']} found it"
        if job in evidence.jobs:
            yield f"{job} was deleted, and its row is there"
    for job in evidence.deleted:
        for table, rows in evidence.rows_of.items():
            if table not in KEPT_OF_THE_DELETED and rows.get(job):
                yield f"{job} was deleted, and {table} has {len(rows[job])} rows of it"


CLIENTS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "I1 accepted is kept": accepted_is_kept,
    "I1 one job for a key": one_job_for_a_key,
    "answers are known": answers_are_known,
    "I2 over stays over": over_stays_over,
    "I12 digests are told": digests_are_told,
    "I11 cancelled stays cancelled": cancelled_stays_cancelled,
    "paused stays paused": paused_stays_paused,
    "deleted stays deleted": deleted_stays_deleted,
}
