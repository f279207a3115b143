"""/v1/jobs/{id}/events: what happened to a job."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from lockstep.service.api import render
from lockstep.service.api.conditions import UNCHANGED, JobId, conditional
from lockstep.service.api.models import EventPage
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import events, jobs

router = APIRouter(tags=["history"])


@router.get(
    "/jobs/{job_id}/events", response_model=EventPage, responses=UNCHANGED, summary="Read a job's events"
)
def read_events(  # noqa: PLR0913  (one argument for each parameter of the address)
    request: Request,
    services: TheServices,
    key: Reader,
    job_id: JobId,
    after: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,18}$", description="the id of the last event that is known")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Response:
    """A page of the job's events, oldest first; changes of status are events of the type `status`."""
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, key.sees)
        found = events.list_events(tx, job_id, int(after or 0), limit + 1)
    page = [render.event_object(event) for event in found[:limit]]
    body = render.page_bytes(
        [dump_json(event) for event in page], [event["id"] for event in page], len(found) > limit
    )
    return conditional(request, body, {})
