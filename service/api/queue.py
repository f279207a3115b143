"""/v1/queue: how much there is to do, and who is there to do it."""

from collections import Counter
from collections.abc import Mapping
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
from lockstep.service.store.workers import State

router = APIRouter(tags=["workers"])


def _counts(name: str, meaning: str, keys: tuple[str, ...]) -> GetPydanticSchema:
    """A typed dictionary with a whole number for each of the keys, which the store declares."""
    counts: Any = TypedDict(name, dict.fromkeys(keys, int))  # type: ignore[misc]  # keys that mypy can't see
    counts.__doc__ = meaning
    return GetPydanticSchema(lambda _, handler: handler.generate_schema(counts))


@answer
class Queue(TypedDict):
    """How many jobs are not over, how long the oldest queued one has waited, and who is there."""

    object: Literal["queue"]
    jobs: Annotated[Mapping[str, int], _counts("QueuedJobs", "Jobs by status.", UNFINISHED)]
    oldest_queued_seconds: float | None
    workers: Annotated[Mapping[str, int], _counts("WorkerStates", "Workers by state.", get_args(State))]


@router.get(
    "/queue",
    response_model=Queue,
    responses={304: {"description": "nothing has changed (If-None-Match)"}},
    summary="Read the queue's lengths",
)
def read_queue(services: TheServices, key: Reader, request: Request) -> Response:
    """How many jobs wait and run, since when the oldest one waits, and how many workers there are.

    Jobs are those that the key may see.
    """
    with services.database.read() as tx:
        counts = queue.queue_counts(tx, key.sees)
        states = Counter(worker.state for worker in workers.list_workers(tx) if worker.present)
    body: Queue = {
        "object": "queue",
        "jobs": counts.jobs,
        "oldest_queued_seconds": counts.oldest_queued_seconds,
        "workers": {state: states[state] for state in get_args(State)},
    }
    return conditional(request, dump_json(body), {POLL: IDLE_POLL_SECONDS})
