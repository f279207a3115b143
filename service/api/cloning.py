"""/v1/jobs/{id}/clone: a job's spec as a new job, the same or changed."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from lockstep.service.api.body import held
from lockstep.service.api.conditions import JobId
from lockstep.service.api.job_models import Job
from lockstep.service.api.jobs import KeyHeader, created_response, submitted
from lockstep.service.api.schema import BODY_PROBLEMS, DAMAGED, body_of, problems
from lockstep.service.api.start import START_PROBLEMS
from lockstep.service.api.submission import Asked, Cloned, clone_digest
from lockstep.service.api.wire import parse_json, sent_body
from lockstep.service.auth import Writer
from lockstep.service.services import Services, TheServices
from lockstep.service.store import idempotency, jobs, specs
from lockstep.service.store.errors import NotFound
from lockstep.service.store.idempotency import IdempotencyKey
from lockstep.service.store.keys import ApiKey

router = APIRouter(tags=["jobs"])


@router.post(
    "/jobs/{job_id}/clone",
    status_code=201,
    response_model=Job,
    responses=problems({**BODY_PROBLEMS, **START_PROBLEMS, 404: "unknown, or another's", 410: DAMAGED}),
    openapi_extra=body_of("SpecPatch"),
    summary="Clone a job",
)
async def clone_job(
    services: TheServices,
    key: Writer,
    job_id: JobId,
    body: Annotated[bytes, Depends(sent_body)],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Queues a job of the same spec, with the name, metadata and priority that this one has now.

    The body is a merge patch (RFC 7396) of all that, inline data and initial weights included; what comes of
    it is checked as if it had been posted. `cloned_from` names this job.
    """
    try:
        size = await run_in_threadpool(_size, services, key, job_id)
    except NotFound:
        return await run_in_threadpool(_repeated, services, key, job_id, body, idempotency_key)
    async with held(services.bodies, size, services.settings.body_seconds):
        spec, cloned = await run_in_threadpool(_source, services, key, job_id)
        asked = Asked(
            owner_id=key.owner_id,
            key_id=key.id,
            max_job_bytes=services.settings.max_job_bytes,
            has_key=idempotency_key is not None,
            cloned=cloned,
        )
        submission = await services.reader.read(spec + body, asked)
        return await run_in_threadpool(submitted, services, key.sees, submission, idempotency_key)


def _size(services: Services, key: ApiKey, job_id: str) -> int:
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, key.sees)
        return specs.size(tx, job_id)


def _source(services: Services, key: ApiKey, job_id: str) -> tuple[bytes, Cloned]:
    """A job's whole spec, and what else it is to be made again by."""
    with services.database.read() as tx:
        job = jobs.summary(tx, job_id, key.sees)
        spec = specs.load(tx, job_id).spec_json.encode()
    cloned = Cloned(
        job_id=job_id,
        spec_bytes=len(spec),
        labels={
            "name": job.name,
            "priority": job.priority or None,
            **({} if job.metadata is None else {"metadata": dict(job.metadata)}),
        },
        max_bytes=services.settings.max_body_bytes,
    )
    return spec, cloned


def _repeated(services: Services, key: ApiKey, job_id: str, body: bytes, sent_key: str | None) -> Response:
    """What an earlier request with that Idempotency-Key made of a job that was deleted since."""
    if sent_key is not None:
        once = IdempotencyKey(key=sent_key, body_sha256=clone_digest(job_id, parse_json(body)))
        with services.database.read() as tx:
            made = idempotency.earlier(tx, key.owner_id, once)
        if made is not None:
            return created_response(services, made)
    raise jobs.not_found(job_id)
