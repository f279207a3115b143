"""/v1/queue: how much there is to do, and who is there to do it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import GetPydanticSchema
from typing_extensions import TypedDict

from lockstep.service.api.conditions import IDLE_POLL_SECONDS, POLL, conditional
from lockstep.service.api.models import answer
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import queue, workers
from lockstep.service.store.statuses import UNFINISHED
from lockstep.service.store.waiting import WaitingJob as StoredWaitingJob
from lockstep.service.store.waiting import waiting_jobs
from lockstep.service.store.workers import State

router = APIRouter(tags=["workers"])


def _counts(name: str, meaning: str, keys: tuple[str, ...]) -> GetPydanticSchema:
    """A typed dictionary with a whole number for each of the keys, which the store declares."""
    counts: Any = TypedDict(name, dict.fromkeys(keys, int))  # type: ignore[misc]  # keys that mypy can't see
    counts.__doc__ = meaning
    return GetPydanticSchema(lambda _, handler: handler.generate_schema(counts))


@answer
class WaitingJob(TypedDict):
    """A job that waits for a worker."""

    job_id: str
    owner: str
    """the id of the owner"""
    priority: int
    position: int
    """1 for the job that is taken next, if nothing else comes; jobs of other owners count"""
    reason: str | None
    """why it waits: see a job's status_reason"""
    queued_seconds: float
    """since it was posted, or since its latest attempt ended"""
    workers_wanted: int


@answer
class Queue(TypedDict):
    """How many jobs are not over, since when the oldest one waits, what comes next, and who is there."""

    object: Literal["queue"]
    jobs: Annotated[Mapping[str, int], _counts("QueuedJobs", "Jobs by status.", UNFINISHED)]
    oldest_queued_seconds: float | None
    waiting: Sequence[WaitingJob]
    """the first 100 jobs that wait, in their order; of those that the key may see"""
    workers: Annotated[Mapping[str, int], _counts("WorkerStates", "Workers by state.", get_args(State))]


@router.get(
    "/queue",
    response_model=Queue,
    responses={304: {"description": "nothing has changed (If-None-Match)"}},
    summary="Read the queue's lengths",
)
def read_queue(services: TheServices, key: Reader, request: Request) -> Response:
    """How many jobs wait and run, since when the oldest one waits, and how many workers there are.

    Jobs are those that the key may see. `waiting` has those that come next, with their places in the queue.
    """
    with services.database.read() as tx:
        counts = queue.queue_counts(tx, key.sees)
        waiting = waiting_jobs(tx, key.sees)
        states = Counter(worker.state for worker in workers.list_workers(tx) if worker.present)
    body: Queue = {
        "object": "queue",
        "jobs": counts.jobs,
        "oldest_queued_seconds": counts.oldest_queued_seconds,
        "waiting": [_waiting(job) for job in waiting],
        "workers": {state: states[state] for state in get_args(State)},
    }
    return conditional(request, dump_json(body), {POLL: IDLE_POLL_SECONDS})


def _waiting(job: StoredWaitingJob) -> WaitingJob:
    return {
        "job_id": job.job_id,
        "owner": job.owner,
        "priority": job.priority,
        "position": job.position,
        "reason": job.reason,
        "queued_seconds": job.queued_seconds,
        "workers_wanted": job.workers_wanted,
    }
