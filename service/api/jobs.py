"""/v1/jobs: create, list, read."""

from dataclasses import replace
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import JsonValue

from lockstep.core.ground.fields import TEXT_PATTERN
from lockstep.core.spec import Kind
from lockstep.core.spec.job import JOB_ID_PATTERN
from lockstep.service import points
from lockstep.service.api.conditions import (
    IDLE_POLL_SECONDS,
    METADATA_PARAMETERS,
    POLL,
    POLL_SECONDS,
    JobId,
    MetadataFilter,
    conditional,
    has_tag,
    not_modified,
    wrong_parameter,
)
from lockstep.service.api.job_models import Job, JobPage, job_bytes, job_page_bytes, job_path
from lockstep.service.api.schema import BODY_PROBLEMS, DAMAGED, body_of, problems
from lockstep.service.api.start import START_PROBLEMS, kept_start, require_start
from lockstep.service.api.submission import Asked, Submission
from lockstep.service.api.validation_models import Validation
from lockstep.service.api.wire import JsonResponse, sent_body
from lockstep.service.auth import Reader, Writer
from lockstep.service.services import Services, TheServices
from lockstep.service.store import blobs, idempotency, listing, specs, starts
from lockstep.service.store import jobs as store
from lockstep.service.store.database import Database
from lockstep.service.store.idempotency import Created, IdempotencyKey
from lockstep.service.store.jobs import Job as StoredJob
from lockstep.service.store.listing import JobFilter, Order
from lockstep.service.store.statuses import Status

router = APIRouter(tags=["jobs"])

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="the same key makes one job only",
    ),
]
_A_STATUS = f"({'|'.join(get_args(Status))})"
StatusList = Annotated[
    str | None,
    Query(pattern=f"^{_A_STATUS}(,{_A_STATUS})*$", description="one or several, separated by commas"),
]

REPLAYED = "Idempotency-Replayed"


@router.post(
    "/jobs",
    status_code=201,
    response_model=Job,
    responses={
        200: {"model": Validation, "description": "the spec is fine (with validate_only)"},
        **problems({**BODY_PROBLEMS, **START_PROBLEMS}),
    },
    openapi_extra=body_of("JobSpec"),
    summary="Create a job",
)
async def create_job(  # noqa: PLR0913  (one argument for each parameter of the address)
    services: TheServices,
    key: Writer,
    body: Annotated[bytes, Depends(sent_body)],
    idempotency_key: KeyHeader = None,
    validate_only: Annotated[bool, Query(description="check the spec and create nothing")] = False,
    gradcheck: Annotated[
        bool, Query(description="with validate_only: compare the gradient with differences of the loss")
    ] = False,
) -> Response:
    """Queues a job and answers at once; a worker starts it when one is free."""
    asked = Asked(
        owner_id=key.owner_id,
        key_id=key.id,
        max_job_bytes=services.settings.max_job_bytes,
        has_key=idempotency_key is not None,
        validate_only=validate_only,
        gradcheck=gradcheck,
    )
    submission = await services.reader.read(body, asked)
    return await run_in_threadpool(submitted, services, key.sees, submission, idempotency_key)


def submitted(services: Services, sees: str | None, submission: Submission, key: str | None) -> Response:
    """Make the job of a submission, once for an Idempotency-Key, or only say what it would be."""
    if submission.validation is not None:
        require_start(services.database, submission.start, sees)
        return JsonResponse(submission.validation.encode())
    once = None
    if key is not None and submission.body_sha256 is not None:
        once = IdempotencyKey(key=key, body_sha256=submission.body_sha256)
    # First: what the job starts with may be gone by now.
    made = None if once is None else _made(services.database, submission.job.owner_id, once)
    if made is None:
        require_start(services.database, submission.start, sees)
        made = _create(services.database, submission, once)
    return created_response(services, made)


def created_response(services: Services, created: Created) -> Response:
    """201 and the job, which a worker is rung for if it is new and waits."""
    job = created.job
    if not created.replayed and not job.is_terminal:
        points.QUEUED.reach()
        services.bell.ring("lead", job.id)
    root = services.settings.root_path
    headers = {
        "Location": f"{root}{job_path(job.id)}",
        **job_headers(job),
        **({REPLAYED: "true"} if created.replayed else {}),
    }
    return JsonResponse(job_bytes(job, root), 201, headers=headers)


def _made(database: Database, owner_id: str, once: IdempotencyKey) -> Created | None:
    with database.read() as tx:
        return idempotency.earlier(tx, owner_id, once)


def _create(database: Database, submission: Submission, once: IdempotencyKey | None) -> Created:
    """Queue the job. Its blob is kept first: the transaction that others wait for writes little."""
    new, blob, sha256 = submission.job, submission.blob, submission.job.spec.inline_sha256
    if blob is not None and sha256 is not None:
        blobs.keep(database, blob, sha256)
    start = kept_start(database, submission.start)
    with database.write() as tx:
        if blob is not None and sha256 is not None:
            blobs.hold(tx, blob, sha256)
        if start is not None:
            starts.pin(tx, start)
            new = replace(new, start_sha256=start.sha256)
        if once is None:
            return Created(job=store.create(tx, new), replayed=False)
        return idempotency.create_once(tx, new, once)


@router.get(
    "/jobs",
    response_model=JobPage,
    responses={304: {"description": "the client has this page already (If-None-Match)"}},
    openapi_extra=METADATA_PARAMETERS,
    summary="List jobs",
)
def list_jobs(  # noqa: PLR0913  (one argument for each parameter of the address)
    request: Request,
    services: TheServices,
    key: Reader,
    metadata: MetadataFilter,
    status: StatusList = None,
    kind: Kind | None = None,
    name: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            pattern=TEXT_PATTERN,
            description="a part of the name, with A to Z as a to z",
        ),
    ] = None,
    order: Annotated[
        Order,
        Query(
            description='what to sort by; with "-" the latest, longest or last first. By started_at, '
            "finished_at and run_ms, jobs that have not come so far are left out"
        ),
    ] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[
        str | None, Query(pattern=JOB_ID_PATTERN, description="the last_id of the page before")
    ] = None,
    before: Annotated[
        str | None, Query(pattern=JOB_ID_PATTERN, description="the first_id of the page after")
    ] = None,
) -> Response:
    """A page of jobs, newest first unless asked otherwise; inline data are left out of their specs.

    Pages are stable while jobs come and go on. `has_more` says whether more follow; with `before`, whether
    more come first.
    """
    if after is not None and before is not None:
        raise wrong_parameter("before", "expected it or after, got both")
    wanted = JobFilter(
        owner=key.sees,
        statuses=() if status is None else tuple(status.split(",")),
        kind=kind,
        name=name,
        metadata=metadata,
        order=order,
        after=after,
        before=before,
        limit=limit,
    )
    with services.database.read() as tx:
        page = listing.list_jobs(tx, wanted)
    body = job_page_bytes(page.jobs, page.has_more, services.settings.root_path)
    moving = any(not job.is_terminal for job in page.jobs)
    return conditional(request, body, {POLL: POLL_SECONDS if moving else IDLE_POLL_SECONDS})


@router.get(
    "/jobs/{job_id}",
    response_model=Job,
    responses={304: {"description": "the client has this state of the job already (If-None-Match)"}},
    summary="Read a job",
)
def read_job(request: Request, services: TheServices, key: Reader, job_id: JobId) -> Response:
    """The job, with an ETag that changes whenever something of it does.

    Inline data and initial weights of more than 64 KiB are left out of its spec; `spec_url` has them.
    """
    with services.database.read() as tx:
        if "If-None-Match" in request.headers:
            tag = _tag(store.version_of(tx, job_id, key.sees))
            if has_tag(request, tag):
                return not_modified(tag, {POLL: POLL_SECONDS})
        job = store.get(tx, job_id, key.sees)
    return JsonResponse(job_bytes(job, services.settings.root_path), headers=job_headers(job))


@router.get(
    "/jobs/{job_id}/spec",
    response_model=dict[str, JsonValue],
    responses=problems({410: DAMAGED}),
    summary="Read a job's whole spec",
)
def read_spec(services: TheServices, key: Reader, job_id: JobId) -> Response:
    """What was sent, with all defaults filled in and all inline data and initial weights."""
    with services.database.read() as tx:
        store.version_of(tx, job_id, key.sees)
        spec = specs.load(tx, job_id)
    return JsonResponse(spec.spec_json.encode())


def _tag(version: int) -> str:
    return f'W/"{version}"'


def job_headers(job: StoredJob) -> dict[str, str]:
    """What an answer that is a job says beside it: its ETag, and when it is worth asking again."""
    return {"ETag": _tag(job.version)} | ({} if job.is_terminal else {POLL: POLL_SECONDS})
