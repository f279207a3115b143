"""/v1/jobs/{id}/verify: train a job again on other workers, and compare the weights bit for bit."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.core.ground.errors import Problem
from lockstep.core.spec.changes import not_comparable
from lockstep.core.spec.kinds import read_resolved
from lockstep.core.submission.check_workers import check_alone, check_shared
from lockstep.service.api.conditions import JobId
from lockstep.service.api.job_models import Job
from lockstep.service.api.jobs import KeyHeader, created_response
from lockstep.service.api.models import VerifyRequest
from lockstep.service.api.requests import read_request, refuse_all
from lockstep.service.api.schema import BODY_PROBLEMS, DAMAGED, body_of, problems
from lockstep.service.api.submission import body_digest
from lockstep.service.api.wire import json_body
from lockstep.service.auth import Writer
from lockstep.service.services import TheServices
from lockstep.service.store import idempotency, specs, verifying
from lockstep.service.store.database import Database
from lockstep.service.store.idempotency import IdempotencyKey
from lockstep.service.store.new_job import NewJob
from lockstep.service.store.verifying import Verifiable

router = APIRouter(tags=["jobs"])


@router.post(
    "/jobs/{job_id}/verify",
    status_code=201,
    response_model=Job,
    responses=problems(
        {
            409: "the job has not succeeded (yet), or has no weights; or the job that the Idempotency-Key "
            "made is gone",
            410: DAMAGED,
            **BODY_PROBLEMS,
        }
    ),
    openapi_extra=body_of("VerifyRequest"),
    summary="Verify a job",
)
def verify_job(
    services: TheServices,
    key: Writer,
    job_id: JobId,
    body: Annotated[object, Depends(json_body)],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Queues a job that trains the same spec again and compares the weights: `verifies` names this one.

    It ends succeeded, with `result.matches` true or false; or with `result.not_comparable`, where no worker
    computes the same bits.
    """
    asked = read_request(VerifyRequest, body)
    once = None
    if idempotency_key is not None:
        digest = body_digest({"verify": job_id, **asked.model_dump()})
        once = IdempotencyKey(key=idempotency_key, body_sha256=digest)
    with services.database.read() as tx:
        # First: the job may be deleted by now.
        if once is not None and (made := idempotency.earlier(tx, key.owner_id, once)) is not None:
            return created_response(services, made)
        found = verifying.verifiable(tx, job_id, key.sees)
        copy = verifying.copy_of(tx, found, key.owner_id, asked.workers, chaos=asked.chaos)
    new = replace(copy, asked_by=key.id)
    refuse_all(_problems(asked, new))
    why_not = _why_not(services.database, found)
    with services.database.write() as tx:
        created = verifying.create(tx, new, once, why_not)
    return created_response(services, created)


def _problems(asked: VerifyRequest, new: NewJob) -> Iterator[Problem]:
    """What can't be asked of this job."""
    match new.kind:
        case "minimize" | "solve":
            yield from check_alone(asked.workers, new.kind)
        case _:
            shards = json.loads(new.spec.spec_json)["shards"]
            yield from check_shared(asked.workers, shards, may_change=False)
    if asked.chaos and asked.workers == 1:
        message = (
            "expected false with 1 worker, because it has no helpers to send away, got true; set workers to 2"
        )
        yield Problem(pointer="/chaos", code="too_few_workers", message=message)


def _why_not(database: Database, found: Verifiable) -> str | None:
    """Why this version's rules can't give the same bits; the spec is read only where they have changed."""
    if found.arithmetic == ARITHMETIC:
        return None
    with database.read() as tx:
        spec_json = specs.whole_of(tx, found.job_id, found.stored)
    return not_comparable(read_resolved(found.kind, spec_json), found.arithmetic)
