"""/metrics: for Prometheus, and what reads its text."""

import logging

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service import metrics
from lockstep.service.api.conditions import only_known_parameters
from lockstep.service.api.schema import ALWAYS_POSSIBLE, problems
from lockstep.service.auth import Monitor
from lockstep.service.metrics import CONTENT_TYPE, Reach
from lockstep.service.services import Services, TheServices

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"], dependencies=[Depends(only_known_parameters)])
SHOWN = {"description": "the metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
PROBLEMS = problems(
    {
        **ALWAYS_POSSIBLE,
        401: "no key, or an unknown one",
        403: "the key lacks the scope",
        422: "it takes no parameters",
        503: "the database does not answer, and the key was not seen lately",
    }
)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: SHOWN, **PROBLEMS},
    summary="Read the service's metrics",
)
def read_metrics(services: TheServices, key: Monitor) -> Response:  # noqa: ARG001  (only who may)
    """In Prometheus' text format (docs/operations.md lists them), for keys of the scope `metrics` or `admin`.

    Sums come from the database: they survive restarts and the end of what was counted, and every API process
    tells the same. While the database does not answer there is only `lockstep_database_up 0` and its like.
    """
    return Response(_text(services), media_type=CONTENT_TYPE)


def _text(services: Services) -> bytes:
    database = services.database
    try:
        with database.read() as tx:
            found = metrics.standing(tx)
    except SQLAlchemyError as error:
        logger.warning("action=metrics_without_database error=%s", error)
        found = None
    reach = Reach(
        database=found is not None, has_room=database.shortage() is None, broker=services.broker_is_up()
    )
    return metrics.exposition(reach, found)
