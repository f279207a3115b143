"""Questions about a step of a job: asked in the store, answered by a worker, waited for a while here."""

import asyncio
import time
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from core.arithmetic import not_comparable
from core.spec import read_resolved
from service.bell import Bell
from service.errors import ApiProblem
from service.store import fingerprints, jobs, outdated, replays
from service.store.database import Database
from service.store.jobs import Job
from service.store.replays import Asked, Replay

PATIENCE_SECONDS = 5.0
FIRST_LOOK_SECONDS = 0.01
LONGEST_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Pending:
    """There is no answer yet; `message` says what it waits for."""

    status: str
    message: str


async def answer_to(database: Database, bell: Bell, owner: str | None, asked: Asked) -> bytes | Pending:
    """The answer, computed now or before; else, after PATIENCE_SECONDS, why it takes longer.

    Raises NotFound, and ApiProblem for a step that is not done or where no answer can be had.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    replay = await run_in_threadpool(_ask, database, owner, asked)
    if replay.status == "queued":
        bell.ring("help", asked.job_id)
    pause = FIRST_LOOK_SECONDS
    while replay.status in ("queued", "running") and time.monotonic() < deadline:
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_LOOK_SECONDS)
        replay = await run_in_threadpool(_look, database, asked)
    if replay.result_sha256 is not None:
        return await run_in_threadpool(_answer, database, replay.result_sha256)
    if replay.error_message is not None:
        raise _problem(409, "replay_failed", f"Step {asked.step} can't be looked at: {replay.error_message}")
    return await run_in_threadpool(_pending, database, asked, replay)


def _ask(database: Database, owner: str | None, asked: Asked) -> Replay:
    with database.read() as tx:
        job = jobs.get(tx, asked.job_id, owner)
        found = replays.find(tx, asked)
        arithmetic = outdated.arithmetic_of(tx, asked.job_id)
    if found is not None and found.status != "failed":
        return found
    _require_done(job, asked.step)
    _require_comparable(job, arithmetic)
    with database.write() as tx:
        return replays.ask(tx, asked)


def _look(database: Database, asked: Asked) -> Replay:
    with database.read() as tx:
        found = replays.find(tx, asked)
    return found or Replay(status="failed", result_sha256=None, error_message="the job is gone")


def _answer(database: Database, sha256: str) -> bytes:
    with database.read() as tx:
        return replays.answer(tx, sha256)


def _pending(database: Database, asked: Asked, replay: Replay) -> Pending:
    if replay.status == "running":
        message = f"a worker computes up to step {asked.step} again"
    else:
        with database.read() as tx:
            able = fingerprints.has_present_worker(tx, asked.job_id)
        message = "all workers are busy" if able else fingerprints.MESSAGE
    return Pending(status=replay.status, message=message)


def _require_done(job: Job, step: int) -> None:
    """Refuse a step that the job has not done; a search has been at its last point too."""
    last = job.step - (1 if job.kind == "train" else 0)
    if job.started_at is not None and step <= last:
        return
    has = f"0 to {last}" if job.started_at is not None and last >= 0 else "none"
    message = f"expected a step that job {job.id} has done ({has} so far), got {step}"
    raise _problem(409, "step_not_done", message)


def _require_comparable(job: Job, arithmetic: int) -> None:
    """Refuse a job whose steps come out otherwise by this version's rules."""
    reason = not_comparable(read_resolved(job.kind, job.spec_json), arithmetic)
    if reason is not None:
        message = f"The steps of job {job.id} can't be computed again: {reason}"
        raise _problem(409, "not_comparable", message)


def _problem(status: int, code: str, message: str) -> ApiProblem:
    return ApiProblem(status, message, errors=[{"pointer": "", "code": code, "message": message}])
