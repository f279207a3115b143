"""/v1/jobs/{id}/predict: ask what a job learned."""

from typing import Annotated, NotRequired

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from typing_extensions import TypedDict

from lockstep.service.api.conditions import JobId, step_header
from lockstep.service.api.models import Nested, Number, answer
from lockstep.service.api.schema import BODY_PROBLEMS, DAMAGED, body_of, problems
from lockstep.service.api.wire import JsonResponse, json_body
from lockstep.service.auth import Reader
from lockstep.service.errors import unprocessable
from lockstep.service.services import TheServices

router = APIRouter(tags=["weights"])


@answer
class Prediction(TypedDict):
    """What the model answers."""

    y: Nested[Number]
    """raw outputs, nested as the model gives them for a row; a bare number where it gives one"""
    probabilities: NotRequired[Nested[Number] | None]
    """of a classifier, nested as `y`"""
    labels: NotRequired[Nested[int | None] | None]
    """of a classifier: class numbers, null where an output is NaN; a list for each row of a sequence"""
    label_names: NotRequired[Nested[str | None] | None]
    """what the data call the classes in `labels`, where they have names"""


@router.post(
    "/jobs/{job_id}/predict",
    response_model=Prediction,
    responses=problems({409: "the job has no weights (yet), or no model", 410: DAMAGED, **BODY_PROBLEMS}),
    openapi_extra=body_of("Inputs"),
    summary="Predict with a job's weights",
)
def predict(
    services: TheServices, key: Reader, job_id: JobId, body: Annotated[object, Depends(json_body)]
) -> Response:
    """Raw outputs for rows of inputs, which are standardized as the training data were.

    A cancelled or failed job answers by its last checkpoint; X-Lockstep-Step is that one's step.
    """
    if not isinstance(body, dict) or body.keys() != {"x"} or not isinstance(body["x"], list):
        raise unprocessable(
            "", "inputs", 'expected {"x": [...]} with a list of rows, or of numbers for one column'
        )
    answer = services.predictors.predict(job_id, key.sees, body["x"])
    return JsonResponse(answer.body, headers=step_header(answer.step))
