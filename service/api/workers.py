"""/v1/workers: who works."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.api import render
from service.api.conditions import conditional
from service.api.wire import dump_json
from service.api.worker_models import WorkerPage
from service.auth import needs
from service.services import TheServices
from service.store import workers

router = APIRouter(tags=["workers"])


@router.get(
    "/workers",
    response_model=WorkerPage,
    dependencies=[Depends(needs("read"))],
    responses={304: {"description": "nothing has changed (If-None-Match)"}},
    summary="List the workers",
)
def list_workers(services: TheServices, request: Request) -> Response:
    """The workers that have been heard of lately. `state` is idle, leading or helping."""
    with services.database.read() as tx:
        found = workers.list_workers(tx)
    body = render.page_bytes(
        [dump_json(render.worker_object(worker)) for worker in found],
        [worker.worker_id for worker in found],
        False,
    )
    return conditional(request, body, {"X-Poll-Interval": render.IDLE_POLL_SECONDS})
