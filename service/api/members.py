"""/v1/jobs/{id}/members: who works and has worked at a job."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from typing_extensions import TypedDict

from lockstep.core.group.figures import Role
from lockstep.service.api.conditions import UNCHANGED, JobId, conditional
from lockstep.service.api.models import Page, answer, page_head
from lockstep.service.api.wire import dump_json
from lockstep.service.auth import Reader
from lockstep.service.services import TheServices
from lockstep.service.store import jobs, members
from lockstep.service.store.members import Departure, Stay

router = APIRouter(tags=["jobs"])


@answer
class Member(TypedDict):
    """A worker's stay in the group of one attempt at a job. The seconds are sums since it joined."""

    id: str
    object: Literal["job.member"]
    attempt: int
    rank: int
    """its place in the group, 0 for the lead; of one that has left, its last"""
    worker_id: str
    host: str
    role: Role
    transport: str
    """how it and the lead exchange numbers: shared_memory or tcp; none for the lead itself"""
    generation: int
    """the group's, when it was last seen"""
    joined_step: int
    """the first step that it took part in"""
    left_step: int | None
    """the first that it took no part in; null while it is there"""
    left: Departure | None
    """how it left: released (it was let go, or the attempt was over), drained, died, late or cut"""
    shards: int
    """how many parts of each batch it computes"""
    compute_seconds: float
    exchange_seconds: float
    waiting_seconds: float


@answer
class MemberPage(Page):
    """Members, in the order of their coming."""

    data: Sequence[Member]


@router.get(
    "/jobs/{job_id}/members", response_model=MemberPage, responses=UNCHANGED, summary="List a job's members"
)
def read_members(  # noqa: PLR0913  (one argument for each parameter of the address)
    request: Request,
    services: TheServices,
    key: Reader,
    job_id: JobId,
    after: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$", description="the id of the last member that is known"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Response:
    """Who works and has worked at the job, in the order of their coming, of all its attempts.

    At most a second old while the job runs. A worker that left and came back is there once for each stay.
    """
    attempt, number = (0, 0) if after is None else map(int, after.split("."))
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, key.sees)
        found = members.list_members(tx, job_id, (attempt, number), limit + 1)
    shown = [_member(stay) for stay in found[:limit]]
    page: MemberPage = {**page_head([member["id"] for member in shown], len(found) > limit), "data": shown}
    return conditional(request, dump_json(page), {})


def _member(stay: Stay) -> Member:
    return {
        "id": f"{stay.attempt}.{stay.number}",
        "object": "job.member",
        "attempt": stay.attempt,
        "rank": stay.rank,
        "worker_id": stay.worker_id,
        "host": stay.host,
        "role": stay.role,
        "transport": stay.transport,
        "generation": stay.generation,
        "joined_step": stay.joined_step,
        "left_step": stay.left_step,
        "left": stay.left,
        "shards": stay.shards,
        "compute_seconds": stay.compute_seconds,
        "exchange_seconds": stay.exchange_seconds,
        "waiting_seconds": stay.waiting_seconds,
    }
