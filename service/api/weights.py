"""/v1/jobs/{id}/weights: what a job learned, as a file."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from service.api.conditions import JobId
from service.api.schema import DAMAGED, problems
from service.api.weights_file import MEDIA_TYPES, Format, in_format, model_in_onnx
from service.auth import Reader
from service.predictors import NoWeights, require_model
from service.services import TheServices
from service.store import jobs, specs, weights

router = APIRouter(tags=["weights"])

NESTED_NUMBERS = {"description": "nested lists by name; a scalar is a bare number", "type": "object"}


@router.get(
    "/jobs/{job_id}/weights",
    response_class=Response,
    responses={
        200: {
            "description": "parameters and buffers by their names in the state_dict of a torch.nn.Sequential",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": NESTED_NUMBERS},
            },
        },
        **problems(
            {
                409: "the job has no weights, or not yet",
                410: DAMAGED,
                422: "ONNX lacks a layer of the model",
            }
        ),
    },
    summary="Download a job's weights",
)
def read_weights(
    services: TheServices,
    key: Reader,
    job_id: JobId,
    format: Annotated[Format, Query(description="npz, safetensors, json or onnx")] = "npz",
) -> Response:
    """The weights of a job that has succeeded; onnx: the model, with what is done to its inputs first."""
    with services.database.read() as tx:
        job = jobs.summary(tx, job_id, key.sees)
        if job.status != "succeeded":
            raise NoWeights(job.status)
        stored = weights.load(tx, job_id)
        if format == "onnx":
            require_model(job.kind)
            spec = specs.load(tx, job_id)
    content = model_in_onnx(spec.resolved(), stored) if format == "onnx" else in_format(stored, format)
    return Response(
        content,
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{job_id}.{format}"'},
    )
