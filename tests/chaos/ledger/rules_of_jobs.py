"""What was committed of each job, change by change."""

from collections.abc import Callable, Iterator

from tests.chaos.ledger.evidence import HELD, OVER, Evidence, Line

LOST_AFTER = 3
"""So many attempts that died without a later checkpoint end a job."""


def each_ends_once(evidence: Evidence) -> Iterator[str]:
    """I2: every job comes to one end and stays there."""
    for job, row in evidence.jobs.items():
        ends = [status for _, status in evidence.statuses(job) if status in OVER]
        if len(ends) != 1:
            yield f"{job} has ended {len(ends)} times: {ends}; it is {row['status']}"
        elif evidence.statuses(job)[-1][1] != ends[0]:
            yield f"{job} was {ends[0]} and went on: {evidence.statuses(job)}"
    for stuck in evidence.others["stuck"]:
        yield f"{stuck['where']}: {stuck['open']}"


def attempts_grow(evidence: Evidence) -> Iterator[str]:
    """I3: a job's attempt grows, by one at a time."""
    for job, lines in evidence.audit.items():
        before = 1
        for line in lines:
            if line["kind"] != "job":
                continue
            if line["attempt"] not in (before, before + 1):
                yield f"{job}: attempt {before} became {line['attempt']}"
            before = line["attempt"]


def one_attempt_at_a_time(evidence: Evidence) -> Iterator[str]:
    """I4: an attempt begins once, under the job's own number, and after the one before has ended."""
    for job, lines in evidence.audit.items():
        begun: set[int] = set()
        going: int | None = None
        for line in lines:
            if line["kind"] == "attempt":
                if going is not None:
                    yield f"{job}: attempt {line['attempt']} began while {going} went on"
                if line["attempt"] in begun or line["attempt"] != line["current_attempt"]:
                    yield f"{job}: attempt {line['attempt']} began at the job's {line['current_attempt']}"
                begun.add(line["attempt"])
                going = line["attempt"]
            elif line["kind"] == "attempt_end" and line["attempt"] == going:
                going = None
    for job, rows in evidence.rows_of["attempts"].items():
        for row in rows:
            if row["ended_at"] is None:
                yield f"{job}: attempt {row['number']} has no end"


def writes_are_fenced(evidence: Evidence) -> Iterator[str]:
    """I5: what a holder writes is written while its attempt is the job's, and the job is held."""
    for job, lines in evidence.audit.items():
        for line in lines:
            if line["kind"] not in ("checkpoint", "member", "history", "weights"):
                continue
            if line["attempt"] != line["current_attempt"]:
                yield (
                    f"{job}: a {line['kind']} of attempt {line['attempt']} was taken while the job's was"
                    f" {line['current_attempt']}"
                )
            elif line["status"] not in HELD:
                yield f"{job}: a {line['kind']} was taken while the job was {line['status']}"


def checkpoints_grow(evidence: Evidence) -> Iterator[str]:
    """I8: what an attempt goes on from never lies before where the last one could have."""
    for job, lines in evidence.audit.items():
        if any(
            row["type"] in ("checkpoint_damaged", "began_again") for row in evidence.rows_of["events"][job]
        ):
            continue
        before = -1
        for line in lines:
            if line["kind"] == "job" and line["other"] is not None:
                if line["other"] < before:
                    yield f"{job}: its checkpoint of step {before} gave way to that of {line['other']}"
                before = line["other"]


def failed_for_cause(evidence: Evidence) -> Iterator[str]:
    """I9: a job is given up after three attempts without a later checkpoint, and fails for nothing else."""
    for job, row in evidence.jobs.items():
        if row["status"] != "failed":
            continue
        if row["error_code"] != "worker_lost":
            yield f"{job} failed: {row['error_code']}: {row['error_message']}"
        elif (lost := _lost_in_a_row(evidence.audit[job])) < LOST_AFTER:
            yield f"{job} was given up after {lost} attempts without a later checkpoint"


def _lost_in_a_row(lines: list[Line]) -> int:
    """How many attempts were evicted since the last checkpoint that was later than the one before."""
    lost, step = 0, None
    for line in lines:
        if line["kind"] == "job" and line["other"] != step:
            lost, step = 0, line["other"]
        elif line["kind"] == "attempt_end" and line["status"] == "evicted":
            lost += 1
    return lost


def nothing_after_the_end(evidence: Evidence) -> Iterator[str]:
    """I11: a job that is over has no later step, checkpoint or attempt."""
    for job, lines in evidence.audit.items():
        over = next((line for line in lines if line["kind"] == "job" and line["status"] in OVER), None)
        if over is None:
            continue
        for line in lines[lines.index(over) + 1 :]:
            moved = line["kind"] == "job" and line["step"] != over["step"]
            if moved or line["kind"] in ("checkpoint", "attempt", "history"):
                yield f"{job} was {over['status']}, then came a {line['kind']} of step {line['step']}"


def told_as_it_was(evidence: Evidence) -> Iterator[str]:
    """The transitions that a job tells are those that were committed, each once."""
    for job in evidence.jobs:
        told = [
            row["data_json"]["status"] for row in evidence.rows_of["events"][job] if row["type"] == "status"
        ]
        was = [status for _, status in evidence.statuses(job)]
        if told != was:
            yield f"{job} tells {told}, committed were {was}"


JOBS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "I2 each ends once": each_ends_once,
    "I3 attempts grow": attempts_grow,
    "I4 one attempt at a time": one_attempt_at_a_time,
    "I5 writes are fenced": writes_are_fenced,
    "I8 checkpoints grow": checkpoints_grow,
    "I9 failed for cause": failed_for_cause,
    "I11 nothing after the end": nothing_after_the_end,
    "told as it was": told_as_it_was,
}
