"""/v1/workers: who works."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lockstep.service.api import render
from lockstep.service.api.conditions import conditional
from lockstep.service.api.wire import dump_json
from lockstep.service.api.worker_models import WorkerPage
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import workers
from lockstep.service.store.workers import Worker

router = APIRouter(tags=["workers"])


@router.get(
    "/workers",
    response_model=WorkerPage,
    responses={304: {"description": "nothing has changed (If-None-Match)"}},
    summary="List the workers",
)
def list_workers(services: TheServices, key: Reader, request: Request) -> Response:
    """The workers that have been heard of lately. `state` is idle, leading, helping or replaying.

    Which job a worker works at, and its host, are told to those who may see the job.
    """
    with services.database.read() as tx:
        found = workers.list_workers(tx)
        busy = {worker.job_id for worker in found if worker.job_id is not None}
        mine = busy if key.sees is None else workers.visible_jobs(tx, busy, key.sees)
    shown = [worker if key.sees is None or worker.job_id in mine else _veiled(worker) for worker in found]
    body = render.page_bytes(
        [dump_json(render.worker_object(worker)) for worker in shown],
        [worker.worker_id for worker in found],
        False,
    )
    return conditional(request, body, {"X-Poll-Interval": render.IDLE_POLL_SECONDS})


def _veiled(worker: Worker) -> Worker:
    """What anybody may know of a worker."""
    return replace(worker, job_id=None, host=None, pid=None)
