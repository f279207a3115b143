"""/v1/jobs/{id}/gradients, /graph, /walk, /checkpoints: what happens inside a job, in numbers."""

import json
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from lockstep.core.explain.draw import to_dot, to_json
from lockstep.core.explain.svg import to_svg
from lockstep.core.explain.view import View, view_of_spec
from lockstep.core.explain.walk import annotated, notes
from lockstep.core.model.encoding import from_safetensors, weights_to_json
from lockstep.service.api.conditions import JobId, wrong_parameter
from lockstep.service.api.explain_models import Checkpoint, CheckpointPage, Gradients, Graph, Walk
from lockstep.service.api.explain_models import Pending as PendingModel
from lockstep.service.api.models import page_head
from lockstep.service.api.schema import DAMAGED, problems
from lockstep.service.api.wire import JsonResponse, dump_json
from lockstep.service.auth import Reader
from lockstep.service.questions import Pending, answer_to
from lockstep.service.services import Services, TheServices
from lockstep.service.store import checkpoints, jobs, specs
from lockstep.service.store.checkpoints import CheckpointInfo
from lockstep.service.store.replays import Asked

router = APIRouter(tags=["explain"])

GraphFormat = Literal["json", "dot", "svg"]
RETRY_AFTER_SECONDS = 1
MOST = 2**62

Step = Annotated[int, Query(ge=0, le=MOST, description="a step that the job has done, counted from 0")]
Sample = Annotated[int, Query(ge=0, le=MOST, description="a row of the step's batch, counted from 0")]
ASKED: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingModel, "description": "not computed yet; ask again after Retry-After seconds"},
    **problems({409: "the job has not done that step, or it can't be computed again", 410: DAMAGED}),
}


@router.get(
    "/jobs/{job_id}/gradients",
    response_model=Gradients,
    responses=ASKED,
    summary="Read the gradients of a step",
)
async def read_gradients(services: TheServices, key: Reader, job_id: JobId, step: Step) -> Response:
    """Those of the step's whole batch, before clipping: computed again by a worker, and kept."""
    asked = Asked(job_id=job_id, question="gradients", step=step)
    found = await answer_to(services.database, services.bell, key.sees, asked)
    if isinstance(found, Pending):
        return _pending(found)
    return JsonResponse(await run_in_threadpool(_gradients, step, found))


@router.get("/jobs/{job_id}/walk", response_model=Walk, responses=ASKED, summary="Follow a backward pass")
async def read_walk(
    services: TheServices, key: Reader, job_id: JobId, step: Step, sample: Sample = 0
) -> Response:
    """One sample's way through the model and back: all values, then each step of the chain rule."""
    found = await _walk(services, key.sees, job_id, step, sample)
    return _pending(found) if isinstance(found, Pending) else JsonResponse(found)


@router.get(
    "/jobs/{job_id}/graph",
    response_model=Graph,
    responses={
        200: {
            "content": {
                "image/svg+xml": {"schema": {"type": "string"}},
                "text/vnd.graphviz": {"schema": {"type": "string"}},
            }
        },
        **ASKED,
    },
    summary="Draw a job's model",
)
async def read_graph(  # noqa: PLR0913  (one argument for each parameter of the address)
    services: TheServices,
    key: Reader,
    job_id: JobId,
    format: Annotated[GraphFormat, Query(description="json, dot (Graphviz) or svg")] = "json",
    step: Annotated[
        int | None, Query(ge=0, le=MOST, description="show values and gradients of this step")
    ] = None,
    sample: Annotated[
        int | None, Query(ge=0, le=MOST, description="for this row of the step's batch; 0 if not given")
    ] = None,
) -> Response:
    """The graph of the spec; with a step, with each node's value and gradient for one sample."""
    if step is None and sample is not None:
        raise wrong_parameter("step", "expected a step with the sample, got none; add step=0, say")
    view = await run_in_threadpool(_view, services, key.sees, job_id)
    graph, lines = to_json(view), None
    if step is not None:
        found = await _walk(services, key.sees, job_id, step, sample or 0)
        if isinstance(found, Pending):
            return _pending(found)
        graph = annotated(graph, json.loads(found))
        lines = notes(graph)
    if format == "svg":
        return Response(await run_in_threadpool(to_svg, view, lines), media_type="image/svg+xml")
    if format == "dot":
        return Response(to_dot(view, lines), media_type="text/vnd.graphviz")
    return JsonResponse(graph)


@router.get("/jobs/{job_id}/checkpoints", response_model=CheckpointPage, summary="List a job's checkpoints")
def read_checkpoints(services: TheServices, key: Reader, job_id: JobId) -> Response:
    """The states that are kept, by their steps."""
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, key.sees)
        found = checkpoints.list_checkpoints(tx, job_id)
    shown = [_checkpoint(each) for each in found]
    page: CheckpointPage = {**page_head([each["id"] for each in shown], False), "data": shown}
    return JsonResponse(page)


async def _walk(
    services: Services, owner: str | None, job_id: str, step: int, sample: int
) -> bytes | Pending:
    asked = Asked(job_id=job_id, question="walk", step=step, sample=sample)
    return await answer_to(services.database, services.bell, owner, asked)


def _view(services: Services, owner: str | None, job_id: str) -> View:
    with services.database.read() as tx:
        jobs.version_of(tx, job_id, owner)
        spec = specs.load(tx, job_id)
    return view_of_spec(spec.resolved())


def _checkpoint(kept: CheckpointInfo) -> Checkpoint:
    return {
        "id": str(kept.step),
        "object": "checkpoint",
        "step": kept.step,
        "attempt": kept.attempt,
        "size_bytes": kept.size_bytes,
        "sha256": kept.sha256,
        "reasons": kept.reasons,
        "created_at": kept.created_at,
    }


def _gradients(step: int, found: bytes) -> bytes:
    arrays = dict(sorted(from_safetensors(found).items()))
    with np.errstate(all="ignore"):
        norms = {
            name: float(np.linalg.norm(array.astype(np.float64).reshape(-1)))
            for name, array in arrays.items()
        }
    gradients: Gradients = {"step": step, "gradients": weights_to_json(arrays), "norms": norms}
    return dump_json(gradients)


def _pending(found: Pending) -> Response:
    body: PendingModel = {"object": "replay", "status": found.status, "message": found.message}
    return JsonResponse(body, 202, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
