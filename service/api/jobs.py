"""/v1/jobs: create, list, read, cancel."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from core.spec import AnyResolvedSpec, AnySpec, Kind, ResolvedSpec, TrainSpec
from core.spec.base import MAX_SEED
from core.submission import parse_job, resolve, total_steps
from service.api import render
from service.api.admission import require_fitting
from service.api.conditions import (
    JOB_ID,
    METADATA_PARAMETERS,
    WITHOUT_CONTROLS,
    JobId,
    MetadataFilter,
    conditional,
    has_tag,
    not_modified,
)
from service.api.gradcheck import checked_gradients, require_checkable
from service.api.models import Job, JobPage
from service.api.schema import BODY_PROBLEMS, body_of, problems
from service.api.start import START_PROBLEMS, require_start
from service.api.validation_models import Validation
from service.api.wire import JsonResponse, dump_json, json_body
from service.auth import Reader, Writer
from service.errors import unprocessable
from service.services import TheServices
from service.store import endings, idempotency, listing
from service.store import jobs as store
from service.store.idempotency import Created, IdempotencyKey
from service.store.jobs import Job as StoredJob
from service.store.jobs import NewJob
from service.store.listing import JobFilter, Order
from service.store.statuses import Status

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
JsonBody = Annotated[object, Depends(json_body)]
_A_STATUS = f"({'|'.join(get_args(Status))})"
StatusList = Annotated[
    str | None,
    Query(pattern=f"^{_A_STATUS}(,{_A_STATUS})*$", description="one or several, separated by commas"),
]

POLL = "X-Poll-Interval"
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
def create_job(  # noqa: PLR0913  (one argument for each parameter of the address)
    services: TheServices,
    key: Writer,
    body: JsonBody,
    idempotency_key: KeyHeader = None,
    validate_only: Annotated[bool, Query(description="check the spec and create nothing")] = False,
    gradcheck: Annotated[
        bool, Query(description="with validate_only: compare the gradient with differences of the loss")
    ] = False,
) -> Response:
    """Queues a job and answers at once; a worker starts it when one is free."""
    spec = parse_job(body)
    resolved = resolve(spec, lambda: secrets.randbelow(MAX_SEED + 1))
    if isinstance(resolved, ResolvedSpec):
        require_fitting(resolved, services.settings.max_job_bytes)
        require_start(services.database, resolved, key.sees)
    if gradcheck:
        require_checkable(resolved, validate_only=validate_only)
    if validate_only:
        return JsonResponse(_validation(resolved, spec, checked_gradients(resolved) if gradcheck else None))
    submission = None if idempotency_key is None else _submission(idempotency_key, body)
    new = _new_job(resolved, key.owner_id)
    with services.database.write() as tx:
        if submission is None:
            created = Created(job=store.create(tx, new), replayed=False)
        else:
            created = idempotency.create_once(tx, new, submission)
    job = created.job
    if not created.replayed:
        services.bell.ring("lead", job.id)
    headers = {
        "Location": f"{services.settings.root_path}/v1/jobs/{job.id}",
        **_headers(job),
        **({REPLAYED: "true"} if created.replayed else {}),
    }
    return JsonResponse(render.job_bytes(job), 201, headers=headers)


@router.get(
    "/jobs",
    response_model=JobPage,
    responses={304: {"description": "the page is as the client has it (If-None-Match)"}},
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
            pattern=f"^{WITHOUT_CONTROLS.pattern}$",
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
        str | None, Query(pattern=f"^{JOB_ID.pattern}$", description="the last_id of the page before")
    ] = None,
    before: Annotated[
        str | None, Query(pattern=f"^{JOB_ID.pattern}$", description="the first_id of the page after")
    ] = None,
) -> Response:
    """A page of jobs, newest first unless asked otherwise; inline data are left out of their specs.

    Pages are stable while jobs come and go on. `has_more` says whether more follow; with `before`, whether
    more come first.
    """
    if after is not None and before is not None:
        raise unprocessable("", "before", "before: expected it or after, got both")
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
    body = render.page_bytes(
        [render.job_bytes(job) for job in page.jobs], [job.id for job in page.jobs], page.has_more
    )
    moving = any(not job.is_terminal for job in page.jobs)
    return conditional(request, body, {POLL: render.POLL_SECONDS if moving else render.IDLE_POLL_SECONDS})


@router.get(
    "/jobs/{job_id}",
    response_model=Job,
    responses={304: {"description": "the job is as the client has it (If-None-Match)"}},
    summary="Read a job",
)
def read_job(request: Request, services: TheServices, key: Reader, job_id: JobId) -> Response:
    """The job, with an ETag that changes whenever something of it does."""
    with services.database.read() as tx:
        if "If-None-Match" in request.headers:
            tag = _tag(store.version_of(tx, job_id, key.sees))
            if has_tag(request, tag):
                return not_modified(tag, {POLL: render.POLL_SECONDS})
        job = store.get(tx, job_id, key.sees)
    return JsonResponse(render.job_bytes(job), headers=_headers(job))


@router.post("/jobs/{job_id}/cancel", response_model=Job, summary="Cancel a job")
def cancel_job(services: TheServices, key: Writer, job_id: JobId) -> Response:
    """Ends a queued job at once and a running one within a step or so. One that is over stays as it is."""
    with services.database.write() as tx:
        job = endings.request_cancel(tx, job_id, key.sees)
    return JsonResponse(render.job_bytes(job), headers=_headers(job))


def _new_job(spec: AnyResolvedSpec, owner_id: str) -> NewJob:
    spec_json = spec.model_dump_json(exclude_none=True)
    return NewJob(
        owner_id=owner_id,
        spec_json=spec_json,
        spec_sha256=hashlib.sha256(spec_json.encode()).hexdigest(),
        steps=total_steps(spec),
        workers=spec.workers,
        kind=spec.kind,
        name=spec.name,
        metadata=spec.metadata,
    )


def _submission(key: str, body: object) -> IdempotencyKey:
    """The key with a digest that is the same for the same JSON, however spaced and in any order of keys."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return IdempotencyKey(key=key, body_sha256=hashlib.sha256(canonical.encode()).hexdigest())


def _validation(spec: AnyResolvedSpec, sent: AnySpec, check: Mapping[str, object] | None) -> bytes:
    head = {
        "object": "job.validation",
        "valid": True,
        "steps": total_steps(spec),
        "gradient_check": check,
    }
    seed = {"seed": sent.seed} if isinstance(sent, TrainSpec) else {}
    return dump_json(head | {"spec": spec.model_dump(mode="json", exclude_none=True) | seed})


def _tag(version: int) -> str:
    return f'W/"{version}"'


def _headers(job: StoredJob) -> dict[str, str]:
    return {"ETag": _tag(job.version)} | ({} if job.is_terminal else {POLL: render.POLL_SECONDS})
