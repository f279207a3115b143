"""/healthz and /readyz: for load balancers, and to wait for the service to start."""

import logging
from typing import Literal

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import TypedDict

from lockstep.service.api.models import answer
from lockstep.service.api.schema import ALWAYS_POSSIBLE, problems
from lockstep.service.api.wire import JsonResponse
from lockstep.service.errors import ApiProblem
from lockstep.service.services import TheServices
from lockstep.service.store.database import is_migrated

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"])


@answer
class Health(TypedDict):
    """Whether the service can work."""

    status: Literal["ok"]


OK: Health = {"status": "ok"}


@router.get(
    "/healthz",
    response_model=Health,
    responses=problems(ALWAYS_POSSIBLE),
    summary="Whether the process answers",
)
async def healthz() -> JsonResponse:
    """200 as long as the process lives; asks nobody else."""
    return JsonResponse(OK)


@router.get(
    "/readyz",
    response_model=Health,
    responses=problems({**ALWAYS_POSSIBLE, 503: "the database does not answer or is not migrated"}),
    summary="Whether the service can work",
)
def readyz(services: TheServices) -> JsonResponse:
    """200 once the migrated database answers. The broker need not: workers look for jobs by themselves."""
    try:
        with services.database.read() as tx:
            migrated = is_migrated(tx)
    except SQLAlchemyError as error:
        logger.warning("action=not_ready error=%s", error)
        raise ApiProblem(503, "The database does not answer.") from error
    if not migrated:
        raise ApiProblem(503, "The database is not migrated to this version; run `lockstep migrate`.")
    return JsonResponse(OK)
