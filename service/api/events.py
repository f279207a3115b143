"""/v1/jobs/{id}/events: what happened to a job."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, JsonValue
from typing_extensions import TypedDict

from lockstep.service.api.conditions import UNCHANGED, JobId, conditional
from lockstep.service.api.models import Page, answer, page_head
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import events, jobs
from lockstep.service.store.events import Event as StoredEvent
from lockstep.service.store.events import Level

router = APIRouter(tags=["history"])


@answer
class Event(TypedDict):
    """Something that happened to a job."""

    id: str
    object: Literal["job.event"]
    created_at: AwareDatetime
    level: Level
    type: str
    message: str
    data: Mapping[str, JsonValue]


@answer
class EventPage(Page):
    """Events, oldest first."""

    data: Sequence[Event]


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
    shown = [_event(event) for event in found[:limit]]
    page: EventPage = {**page_head([event["id"] for event in shown], len(found) > limit), "data": shown}
    return conditional(request, dump_json(page), {})


def _event(event: StoredEvent) -> Event:
    return {
        "id": str(event.id),
        "object": "job.event",
        "created_at": event.at,
        "level": event.level,
        "type": event.type,
        "message": event.message,
        "data": event.data,
    }
