"""The checker of the ledger's campaign: it finds nothing in a history as it was, and each planted violation.

The history is that of a part, as
`python -m tests.chaos.ledger --mix all --folder DIR` leaves it, but without series other than
the main one, events other than changes of status, and most looks.
"""

import base64
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.ledger.checker import RULES, judge
from tests.chaos.ledger.recording import Line, read_history

RECORDED = Path(__file__).parent / "recorded.jsonl.gz"
Lines = list[Line]


@pytest.fixture(scope="module")
def recorded() -> Lines:
    return list(read_history(RECORDED))


def rows(lines: Lines, table: str, **values: Any) -> Lines:
    """The rows of a table that have these values."""
    of_table = [line for line in lines if line["what"] == "row" and line["table"] == table]
    return [line for line in of_table if all(line.get(name) == value for name, value in values.items())]


def audited(lines: Lines, job: str, kind: str = "job") -> Lines:
    """What was committed of a job."""
    return [
        line for line in lines if line["what"] == "audit" and line["job_id"] == job and line["kind"] == kind
    ]


def a_job(lines: Lines, status: str = "succeeded", name: str = "layers") -> Line:
    """The row of a job that ended so, after one attempt or more."""
    return rows(lines, "jobs", status=status, name=name)[0]


def called(lines: Lines, act: str, job: str | None = None) -> Lines:
    """The calls of an act that were answered well."""
    calls = [line for line in lines if line["what"] == "call" and line["act"] == act]
    return [call for call in calls if call["status"] in (200, 201) and job in (None, call["job"])]


def insert_after(lines: Lines, line: Line, new: Line) -> None:
    lines.insert(lines.index(line) + 1, new)


def lose_a_job(lines: Lines) -> None:
    lines.remove(a_job(lines))


def make_a_job_twice(lines: Lines) -> None:
    job = a_job(lines)
    lines.append({**job, "id": "job_0twice"})


def answer_another_job(lines: Lines) -> None:
    call = copy.deepcopy(called(lines, "create")[0])
    call["answer"]["id"] = a_job(lines, name="solve")["id"]
    lines.append(call)


def end_twice(lines: Lines) -> None:
    last = audited(lines, a_job(lines)["id"])[-1]
    insert_after(lines, last, {**last, "status": "failed"})


def tell_another_end(lines: Lines) -> None:
    job = a_job(lines)["id"]
    call = called(lines, "get", job)[-1]
    later = {**call, "asked_at": call["at"] + 1, "at": call["at"] + 2}
    lines.append({**later, "answer": {**call["answer"], "status": "running", "is_terminal": False}})


def step_back_an_attempt(lines: Lines) -> None:
    job = next(row for row in rows(lines, "jobs", status="succeeded") if row["attempt"] > 1)
    audited(lines, job["id"])[-1]["attempt"] -= 1


def begin_two_attempts(lines: Lines) -> None:
    job = next(row for row in rows(lines, "jobs", status="succeeded") if row["attempt"] > 1)
    lines.remove(audited(lines, job["id"], "attempt_end")[0])


def leave_an_attempt_open(lines: Lines) -> None:
    rows(lines, "attempts", job_id=a_job(lines)["id"])[-1]["ended_at"] = None


def take_a_stale_checkpoint(lines: Lines) -> None:
    checkpoint = next(
        line
        for row in rows(lines, "jobs", status="succeeded")
        if row["attempt"] > 1
        for line in audited(lines, row["id"], "checkpoint")
        if line["attempt"] > 1
    )
    checkpoint["attempt"] -= 1


def write_after_giving_back(lines: Lines) -> None:
    audited(lines, a_job(lines)["id"], "checkpoint")[-1]["status"] = "queued"


def miss_a_step(lines: Lines) -> None:
    chunk = rows(lines, "history", job_id=a_job(lines)["id"], series="loss")[0]
    chunk["first_step"] += 1
    chunk["size"] -= 1
    chunk["points"] = base64.b64encode(base64.b64decode(chunk["points"])[4:]).decode()


def double_a_step(lines: Lines) -> None:
    chunk = rows(lines, "history", job_id=a_job(lines)["id"], series="loss")[0]
    insert_after(lines, chunk, {**chunk, "first_step": chunk["last_step"], "size": 1})


def record_another_value(lines: Lines) -> None:
    chunk = rows(lines, "history", job_id=a_job(lines)["id"], series="loss")[0]
    points = bytearray(base64.b64decode(chunk["points"]))
    points[4] ^= 1
    chunk["points"] = base64.b64encode(points).decode()


def go_back_a_checkpoint(lines: Lines) -> None:
    audited(lines, a_job(lines)["id"])[-1]["other"] = 0


def damage_a_checkpoint(lines: Lines) -> None:
    rows(lines, "checkpoints")[0]["found_sha256"] = "0" * 64


def learn_something_else(lines: Lines) -> None:
    a_job(lines)["result_json"]["weights_sha256"] = "0" * 64


def tell_another_digest(lines: Lines) -> None:
    job = a_job(lines)["id"]
    called(lines, "get", job)[-1]["answer"]["digest"] = "0" * 64


def keep_a_secret(lines: Lines) -> None:
    rows(lines, "attempts")[0]["has_secret"] = True


def undo_a_cancel(lines: Lines) -> None:
    call = copy.deepcopy(called(lines, "cancel")[0])
    call["job"] = a_job(lines)["id"]
    call["answer"]["status"] = "cancelling"
    lines.append(call)


def cancel_unasked(lines: Lines) -> None:
    job = next(row["id"] for row in rows(lines, "jobs", status="cancelled"))
    lines[:] = [line for line in lines if not (line.get("act") == "cancel" and line["job"] == job)]


def run_while_paused(lines: Lines) -> None:
    running = next(line for line in audited(lines, a_job(lines)["id"]) if line["status"] == "running")
    lines.insert(lines.index(running), {**running, "status": "paused"})


def run_on_while_pausing(lines: Lines) -> None:
    running = next(line for line in audited(lines, a_job(lines)["id"]) if line["status"] == "running")
    lines.insert(lines.index(running), {**running, "status": "pausing"})


def find_a_deleted_job(lines: Lines) -> None:
    call = called(lines, "get", a_job(lines)["id"])[0]
    lines.append({**call, "act": "delete", "asked_at": call["at"] - 1, "at": call["asked_at"] - 0.5})


def leave_rows_of_a_deleted_job(lines: Lines) -> None:
    job = a_job(lines)
    last = audited(lines, job["id"])[-1]
    lines.append({**last, "kind": "job_gone"})


def hold_an_ended_job(lines: Lines) -> None:
    a_job(lines)["worker_id"] = "worker_0"


def work_at_an_ended_job(lines: Lines) -> None:
    worker = max(rows(lines, "workers"), key=lambda row: float(row["heartbeat_at"]))
    worker.update(job_id=a_job(lines)["id"], state="leading")


def give_up_too_soon(lines: Lines) -> None:
    a_job(lines).update(status="failed", error_code="worker_lost", error_message="lost")


def fail_inside(lines: Lines) -> None:
    a_job(lines).update(status="failed", error_code="internal", error_message="unexpected KeyError")


def answer_with_an_error(lines: Lines) -> None:
    called(lines, "create")[0]["status"] = 500


def tell_a_transition_twice(lines: Lines) -> None:
    event = rows(lines, "events", job_id=a_job(lines)["id"], type="status")[-1]
    insert_after(lines, event, dict(event))


def go_on_after_the_end(lines: Lines) -> None:
    job = a_job(lines)["id"]
    insert_after(lines, audited(lines, job)[-1], dict(audited(lines, job, "checkpoint")[-1]))


def forget_a_member(lines: Lines) -> None:
    rows(lines, "members", job_id=a_job(lines)["id"])[0]["left_step"] = None


def invent_an_attempt(lines: Lines) -> None:
    rows(lines, "checkpoints")[0]["attempt"] = 99


def end_late(lines: Lines) -> None:
    next(line for line in lines if line["what"] == "closed")["late"] = ["worker-1"]


def get_stuck(lines: Lines) -> None:
    lines.append({"what": "stuck", "at": 0.0, "where": "jobs do not end", "open": {"job_0": "running"}})


PLANTED: dict[str, tuple[Callable[[Lines], None], ...]] = {
    "I1 accepted is kept": (lose_a_job,),
    "I1 one job for a key": (make_a_job_twice, answer_another_job),
    "answers are known": (answer_with_an_error,),
    "I2 over stays over": (tell_another_end,),
    "I2 each ends once": (end_twice, get_stuck),
    "I3 attempts grow": (step_back_an_attempt,),
    "I4 one attempt at a time": (begin_two_attempts, leave_an_attempt_open),
    "I5 writes are fenced": (take_a_stale_checkpoint, write_after_giving_back),
    "I5 checkpoints are of their attempts": (invent_an_attempt,),
    "I6 history is whole": (miss_a_step, double_a_step),
    "I7 bits are the expected": (record_another_value,),
    "I8 checkpoints grow": (go_back_a_checkpoint,),
    "I8 stored bytes are sound": (damage_a_checkpoint,),
    "I9 failed for cause": (give_up_too_soon, fail_inside),
    "I10 ended jobs are let go": (hold_an_ended_job, work_at_an_ended_job),
    "I11 cancelled stays cancelled": (undo_a_cancel, cancel_unasked),
    "I11 nothing after the end": (go_on_after_the_end,),
    "I12 digests are the expected": (learn_something_else,),
    "I12 digests are told": (tell_another_digest,),
    "secrets are erased": (keep_a_secret,),
    "members have left": (forget_a_member,),
    "paused stays paused": (run_while_paused, run_on_while_pausing),
    "deleted stays deleted": (find_a_deleted_job, leave_rows_of_a_deleted_job),
    "told as it was": (tell_a_transition_twice,),
    "service closes": (end_late,),
}
"""By the rule that has to find them, what is done to the history."""


def test_nothing_is_wrong_with_the_history_as_it_was(recorded: Lines) -> None:
    assert judge(recorded) == []


@pytest.mark.parametrize(
    ("rule", "plant"), [(rule, plant) for rule, plants in PLANTED.items() for plant in plants]
)
def test_a_planted_violation_is_found(recorded: Lines, rule: str, plant: Callable[[Lines], None]) -> None:
    lines = copy.deepcopy(recorded)
    plant(lines)

    assert rule in {violation.rule for violation in judge(lines)}


def test_each_rule_has_a_violation_that_only_it_may_miss() -> None:
    assert set(PLANTED) == set(RULES)
