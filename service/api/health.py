"""/healthz and /readyz: for load balancers, and to wait for the service to start."""

import logging
from typing import Literal

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import TypedDict

from lockstep.service.api.models import answer
from lockstep.service.api.schema import ALWAYS_POSSIBLE, problems
from lockstep.service.api.wire import JsonResponse
from lockstep.service.errors import ApiProblem, disk_full
from lockstep.service.services import TheServices
from lockstep.service.store.migrating import is_migrated

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
    responses=problems(
        {**ALWAYS_POSSIBLE, 503: "the database does not answer, is not migrated, or its disk is full"}
    ),
    summary="Whether the service can work",
)
def readyz(services: TheServices) -> JsonResponse:
    """200 once the migrated database answers and has room. The broker need not: workers ask the store."""
    try:
        with services.database.read() as tx:
            migrated = is_migrated(tx)
    except SQLAlchemyError as error:
        logger.warning("action=not_ready error=%s", error)
        raise ApiProblem(503, "The database does not answer.") from error
    if not migrated:
        raise ApiProblem(503, "The database is not migrated to this version; run `lockstep migrate`.")
    shortage = services.database.shortage()
    if shortage is not None:
        raise disk_full(f"{shortage[0].upper()}{shortage[1:]}.")
    return JsonResponse(OK)
