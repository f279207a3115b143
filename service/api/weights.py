"""/v1/jobs/{id}/weights: what a job learned, as a file."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from lockstep.service.api.conditions import JobId, conditional, step_header
from lockstep.service.api.schema import DAMAGED, problems
from lockstep.service.api.weights_file import MEDIA_TYPES, Format, in_format
from lockstep.service.auth import Reader
from lockstep.service.predictors import learned_by, require_model
from lockstep.service.services import TheServices
from lockstep.service.store import jobs, specs
from lockstep.service.store.errors import Damaged

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
        304: {"description": "the client has this file already (If-None-Match)"},
        **problems(
            {
                409: "the job has no weights (yet), or no model",
                410: DAMAGED,
                422: "ONNX lacks one of the layers",
            }
        ),
    },
    summary="Download a job's weights",
)
def read_weights(
    request: Request,
    services: TheServices,
    key: Reader,
    job_id: JobId,
    format: Annotated[Format, Query(description="npz, safetensors, json or onnx")] = "npz",
) -> Response:
    """What a job learned; of a cancelled or failed one, its last checkpoint.

    X-Lockstep-Step is then the step of that. safetensors: with what is done to the inputs as `preprocessing`
    in its header's metadata; onnx: the model, with that as its first nodes.
    """
    spec: specs.WholeSpec | None = None
    with services.database.read() as tx:
        job = jobs.summary(tx, job_id, key.sees)
        stored = learned_by(tx, job)
        if format == "onnx":
            require_model(job.kind)
            spec = specs.load(tx, job_id)
        elif format == "safetensors":
            spec = _readable_spec(tx, job_id)
    content = in_format(stored, format, spec)
    headers = {"Content-Disposition": f'attachment; filename="{job_id}.{format}"', **step_header(stored.step)}
    return conditional(request, content, headers, MEDIA_TYPES[format])


def _readable_spec(tx: Connection, job_id: str) -> specs.WholeSpec | None:
    """The job's spec, where it is not damaged."""
    try:
        return specs.load(tx, job_id)
    except Damaged:
        return None
