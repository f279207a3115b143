"""/v1/jobs/{id}: what a user does to a job: cancel, pause, resume, change, delete."""

import logging
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from typing_extensions import TypedDict

from lockstep.service import points
from lockstep.service.api.conditions import JobId
from lockstep.service.api.job_models import Job, job_bytes
from lockstep.service.api.jobs import job_headers
from lockstep.service.api.models import JobPatch, answer
from lockstep.service.api.requests import read_request
from lockstep.service.api.schema import BODY_PROBLEMS, DAMAGED, body_of, problems
from lockstep.service.api.wire import JsonResponse, json_body
from lockstep.service.auth import Writer
from lockstep.service.services import Services, TheServices
from lockstep.service.store import changing, deleting, endings
from lockstep.service.store.changing import Changes
from lockstep.service.store.jobs import Job as StoredJob
from lockstep.service.store.keys import ApiKey
from lockstep.service.store.statuses import WAITING

logger = logging.getLogger(__name__)
router = APIRouter(tags=["jobs"])

GOES_ON = problems({409: "the job is over (job_over) or is being cancelled (job_cancelling)"})


@answer
class Deleted(TypedDict):
    """A job that is gone."""

    id: str
    object: Literal["job"]
    deleted: Literal[True]


@router.post("/jobs/{job_id}/cancel", response_model=Job, summary="Cancel a job")
def cancel_job(services: TheServices, key: Writer, job_id: JobId) -> Response:
    """Ends a waiting or paused job at once and a running one within a step or so.

    One that is over stays as it is.
    """
    return _request(services, key, "cancel", job_id)


@router.post("/jobs/{job_id}/pause", response_model=Job, responses=GOES_ON, summary="Pause a job")
def pause_job(services: TheServices, key: Writer, job_id: JobId) -> Response:
    """Sets a waiting job aside at once, and a running one within a step or so, with a checkpoint.

    Nobody works at it until it is resumed. A run that ends before ends as it would.
    """
    return _request(services, key, "pause", job_id)


@router.post("/jobs/{job_id}/resume", response_model=Job, responses=GOES_ON, summary="Resume a job")
def resume_job(services: TheServices, key: Writer, job_id: JobId) -> Response:
    """Lets a paused job wait for a worker again, which goes on from the checkpoint to the same bits.

    One that is about to be paused runs on; one that waits or runs stays as it is.
    """
    return _request(services, key, "resume", job_id)


@router.patch(
    "/jobs/{job_id}",
    response_model=Job,
    responses=problems({410: DAMAGED, **BODY_PROBLEMS}),
    openapi_extra=body_of("JobPatch"),
    summary="Change a job's priority, name or metadata",
)
def edit_job(
    services: TheServices, key: Writer, job_id: JobId, body: Annotated[object, Depends(json_body)]
) -> Response:
    """Takes a merge patch (RFC 7396): null takes a name, a key of the metadata or all of them away.

    What the job computes, its spec and the spec's hash, stays as it was sent.
    """
    asked = read_request(JobPatch, body)
    changes = cast("Changes", asked.model_dump(exclude_unset=True))
    with services.database.write() as tx:
        job = changing.change(tx, job_id, key.sees, changes, key.id)
    return _answer(services, job)


@router.delete(
    "/jobs/{job_id}",
    response_model=Deleted,
    responses=problems({409: "the job is not over"}),
    summary="Delete a job",
)
def delete_job(services: TheServices, key: Writer, job_id: JobId) -> Response:
    """Takes away a job that is over, with all that it learned and recorded; after that it is unknown (404).

    Jobs that verify it, were cloned from it or began with its weights are not touched.
    """
    with services.database.write() as tx:
        deleting.delete_job(tx, job_id, key.sees)
    logger.info("action=job_deleted job=%s key=%s", job_id, key.id)
    gone: Deleted = {"id": job_id, "object": "job", "deleted": True}
    return JsonResponse(gone)


def _request(services: Services, key: ApiKey, act: str, job_id: str) -> Response:
    with services.database.write() as tx:
        job = endings.request(tx, act, job_id, key.sees, key.id)
    points.DECIDED.reach()
    if job.status in WAITING:
        services.bell.ring("lead", job.id)
    return _answer(services, job)


def _answer(services: Services, job: StoredJob) -> Response:
    return JsonResponse(job_bytes(job, services.settings.root_path), headers=job_headers(job))
