"""/v1/queue: how much there is to do, and who is there to do it."""

from collections import Counter
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lockstep.service.api import render
from lockstep.service.api.conditions import conditional
from lockstep.service.api.wire import dump_json
from lockstep.service.api.worker_models import Queue
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import queue, workers

router = APIRouter(tags=["workers"])


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
    body = {
        "object": "queue",
        "jobs": counts.jobs,
        "oldest_queued_seconds": counts.oldest_queued_seconds,
        "workers": {state: states[state] for state in get_args(workers.State)},
    }
    return conditional(request, dump_json(body), {"X-Poll-Interval": render.IDLE_POLL_SECONDS})
