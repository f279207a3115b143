"""Questions about a step of a job: asked in the store, answered by a worker, waited for a while here."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Literal

from fastapi.concurrency import run_in_threadpool

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.encoding import from_safetensors
from lockstep.core.spec.changes import not_comparable
from lockstep.service.bell import Bell
from lockstep.service.errors import single_problem
from lockstep.service.store import fingerprints, jobs, outdated, replays, specs
from lockstep.service.store.damage import json_object
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Corrupt, NotFound
from lockstep.service.store.jobs import Job
from lockstep.service.store.replays import Asked, Replay

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
FIRST_LOOK_SECONDS = 0.01
MAX_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Pending:
    """There is no answer yet; `message` says what it waits for."""

    status: Literal["queued", "running"]
    message: str


async def answer_to(database: Database, bell: Bell, owner: str | None, asked: Asked) -> bytes | Pending:
    """The answer, computed now or before; else, after PATIENCE_SECONDS, why it takes longer.

    Raises NotFound, and ApiProblem for a step that is not done or where there can be no answer.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    found = await run_in_threadpool(_ask, database, owner, asked)
    if isinstance(found, Replay) and found.status == "queued":
        bell.ring("help", asked.job_id)
    pause = FIRST_LOOK_SECONDS
    while _goes_on(found) and time.monotonic() < deadline:
        await asyncio.sleep(pause)
        pause = min(2 * pause, MAX_LOOK_SECONDS)
        found = await run_in_threadpool(_look, database, owner, asked)
    if isinstance(found, bytes):
        return found
    if found.error_message is not None:
        raise single_problem(
            409, "replay_failed", f"Step {asked.step} can't be looked at: {found.error_message}"
        )
    return await run_in_threadpool(_pending, database, asked, found)


def _goes_on(found: Replay | bytes) -> bool:
    return isinstance(found, Replay) and found.status in ("queued", "running")


def _ask(database: Database, owner: str | None, asked: Asked) -> Replay | bytes:
    with database.read() as tx:
        job = jobs.summary(tx, asked.job_id, owner)
        found = replays.find(tx, asked)
    if found is None or found.status == "failed":
        _require_done(job, asked.step)
        _require_comparable(database, asked.job_id)
        with database.write() as tx:
            replays.ask(tx, asked)
    return _look(database, owner, asked)


def _look(database: Database, owner: str | None, asked: Asked) -> Replay | bytes:
    """The answer, or how far it is. One that can't be read any more was computed, and is computed again.

    So is one that was old enough to go since it was found. Raises NotFound where the job has gone.
    """
    with database.read() as tx:
        found = replays.find(tx, asked)
        if found is None:
            jobs.version_of(tx, asked.job_id, owner)
        elif found.result_sha256 is None:
            return found
        else:
            try:
                return _checked(asked, replays.answer(tx, found.result_sha256))
            except (NotFound, Corrupt, InvalidData, ValueError) as error:
                logger.warning(
                    "action=answer_damaged job=%s step=%d error=%s", asked.job_id, asked.step, error
                )
    _require_comparable(database, asked.job_id)
    with database.write() as tx:
        if found is not None and found.result_sha256 is not None:
            replays.ask_anew(tx, asked, found.result_sha256)
        return replays.find(tx, asked) or replays.ask(tx, asked)


def _checked(asked: Asked, found: bytes) -> bytes:
    """Raises InvalidData or ValueError where that is no answer to the question."""
    if asked.question == "gradients":
        from_safetensors(found)
    else:
        json_object(found.decode())
    return found


def _pending(database: Database, asked: Asked, replay: Replay) -> Pending:
    if replay.status == "running":
        return Pending(status="running", message=f"a worker computes up to step {asked.step} again")
    with database.read() as tx:
        able = fingerprints.has_present_worker(tx, asked.job_id)
    return Pending(status="queued", message="all workers are busy" if able else fingerprints.MESSAGE)


def _require_done(job: Job, step: int) -> None:
    """Refuse a step that the job has not done; a search has been at its last point too."""
    last = job.step - (1 if job.kind == "train" else 0)
    if job.started_at is not None and step <= last:
        return
    has = f"0 to {last}" if job.started_at is not None and last >= 0 else "none"
    message = f"expected a step that {job.id} has done ({has} so far), got {step}"
    raise single_problem(409, "step_not_done", message)


def _require_comparable(database: Database, job_id: str) -> None:
    """Refuse a job whose steps come out otherwise by this version's rules; raises Damaged too."""
    with database.read() as tx:
        number = outdated.arithmetic_of(tx, job_id)
        if number == ARITHMETIC:
            return
        spec = specs.load(tx, job_id)
    if reason := not_comparable(spec.resolved(), number):
        message = f"The steps of job {job_id} can't be computed again: {reason}"
        raise single_problem(409, "not_comparable", message)
