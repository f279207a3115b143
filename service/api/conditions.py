"""What the addresses have in common: a job's id, query parameters, ETags."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.responses import Response

from lockstep.core.ground.fields import TEXT_PATTERN
from lockstep.core.spec.job import JOB_ID_PATTERN
from lockstep.core.submission.problems import pointer_to
from lockstep.service.api.wire import JsonResponse
from lockstep.service.errors import ApiProblem, unprocessable
from lockstep.service.store.errors import NotFound

JOB_ID = re.compile(JOB_ID_PATTERN)
METADATA_PARAMETER = re.compile(r"metadata\[(.*)\]", re.DOTALL)
WITHOUT_CONTROLS = re.compile(TEXT_PATTERN)
"""The same that a job's metadata may hold."""
STEP = "X-Lockstep-Step"
POLL = "X-Poll-Interval"
POLL_SECONDS = "1"
"""Of X-Poll-Interval where something moves: progress is written about once a second."""
IDLE_POLL_SECONDS = "5"
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "the client has this answer already (If-None-Match)"}
}
MAX_METADATA_FILTERS = 16
"""As many as a job can have."""


async def _known_job_id(job_id: Annotated[str, Path(description="a job's id, such as job_01k9…")]) -> str:
    # What cannot be an id is unknown; it must not come as far as the database.
    if not JOB_ID.fullmatch(job_id):
        raise NotFound(f"no job has the id {job_id[:80]!r}: GET /v1/jobs lists those that this key may see")
    return job_id


JobId = Annotated[str, Depends(_known_job_id)]


async def _metadata_filter(request: Request) -> Mapping[str, str]:
    """The pairs of `metadata[key]=value` in the query."""
    pairs: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        matched = METADATA_PARAMETER.fullmatch(name)
        if matched is None:
            continue
        key = matched[1]
        if not 1 <= len(key) <= 64 or len(value) > 512 or not WITHOUT_CONTROLS.fullmatch(key + value):
            message = "expected metadata[KEY]=VALUE of 1-64 and 0-512 letters"
            raise wrong_parameter(name, f"{message}, got {len(key)} and {len(value)}")
        pairs[key] = value
        if len(pairs) > MAX_METADATA_FILTERS:
            raise wrong_parameter(name, f"expected at most {MAX_METADATA_FILTERS} such keys, got more")
    return pairs


MetadataFilter = Annotated[Mapping[str, str], Depends(_metadata_filter)]
METADATA_PARAMETERS = {
    "parameters": [
        {
            "name": "metadata",
            "in": "query",
            "style": "deepObject",
            "explode": True,
            "description": "pairs that the jobs' metadata must hold, each as metadata[KEY]=VALUE",
            "schema": {
                "type": "object",
                "propertyNames": {
                    "minLength": 1,
                    "maxLength": 64,
                    "pattern": TEXT_PATTERN,
                },
                "additionalProperties": {
                    "type": "string",
                    "maxLength": 512,
                    "pattern": TEXT_PATTERN,
                },
                "maxProperties": MAX_METADATA_FILTERS,
            },
        }
    ]
}


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the address does not know, or that comes twice.

    A misspelt filter would be no filter, and of two values one would go unheard.
    """
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params}
    takes_metadata = route.openapi_extra == METADATA_PARAMETERS
    shown = sorted(known | ({"metadata[KEY]"} if takes_metadata else set()))
    for name in request.query_params:
        if name not in known and not (takes_metadata and METADATA_PARAMETER.fullmatch(name)):
            hint = f"there are {', '.join(shown)}" if shown else "there are none"
            message = f"the address has no parameter {name[:80]!r}; {hint}"
            raise wrong_parameter(name, message, "unknown_parameter")
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            raise wrong_parameter(name, f"expected {name} once, got it {count} times", "repeated_parameter")


def wrong_parameter(name: str, message: str, code: str = "invalid_parameter") -> ApiProblem:
    """422 for a parameter of the address."""
    return unprocessable(pointer_to(("query", name)), code, message)


def step_header(step: int | None) -> dict[str, str]:
    """After how many steps the weights were so, where they are not a result's."""
    return {} if step is None else {STEP: str(step)}


def conditional(
    request: Request, body: bytes, headers: Mapping[str, str], media_type: str = JsonResponse.media_type
) -> Response:
    """The body with an ETag of its own bytes, or 304 when the client has it."""
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    if has_tag(request, tag):
        return not_modified(tag, headers)
    return Response(body, headers={**headers, "ETag": tag}, media_type=media_type)


def not_modified(tag: str, headers: Mapping[str, str]) -> Response:
    """304: what the client has is still so."""
    return Response(status_code=304, headers={**headers, "ETag": tag})


def has_tag(request: Request, tag: str) -> bool:
    """Whether the request's If-None-Match names `tag`; weak and strong ones are compared alike."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return False
    opaque = tag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in given.split(","))
