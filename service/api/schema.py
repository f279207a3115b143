"""The OpenAPI document: FastAPI's, with the job's spec for the body of POST /v1/jobs."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from lockstep.core.spec import AnySpec
from lockstep.service.api.models import Inputs, JobPatch, SpecPatch, VerifyRequest
from lockstep.service.api.openapi_parts import complete
from lockstep.service.problems import ProblemDocument

REF = "#/components/schemas/{model}"
DAMAGED = "a part of the job's record that this needs can't be read any more; the code says which"
ALWAYS_POSSIBLE = {
    421: "the service does not answer to the name in the Host header",
    431: "request line and headers are too long",
    500: "a fault of the service",
}
"""Of every address."""
BODY_PROBLEMS = {
    400: "the body is not JSON",
    408: "the body did not come in time",
    413: "the body is too large",
    415: "the body is not application/json",
}


def body_of(name: str) -> dict[str, Any]:
    """`openapi_extra` of a handler that reads its own body, whose schema is called `name`."""
    schema = {"$ref": REF.format(model=name)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def problems(meanings: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a handler that may answer with problem documents: statuses and what they mean."""
    content = {"application/problem+json": {"schema": {"$ref": REF.format(model="ProblemDocument")}}}
    return {status: {"description": meaning, "content": content} for status, meaning in meanings.items()}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document, made once; Any is JSON's own looseness."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        adapters = {
            "JobSpec": TypeAdapter[object](AnySpec),
            "Inputs": TypeAdapter[object](Inputs),
            "SpecPatch": TypeAdapter[object](SpecPatch),
            "JobPatch": TypeAdapter[object](JobPatch),
            "VerifyRequest": TypeAdapter[object](VerifyRequest),
            "ProblemDocument": TypeAdapter[object](ProblemDocument),
        }
        for name, adapter in adapters.items():
            _add(document, name, adapter)
        complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _add(document: dict[str, Any], name: str, adapter: TypeAdapter[object]) -> None:
    schema = adapter.json_schema(ref_template=REF)
    schemas = document["components"]["schemas"]
    for part_name, part in {**schema.pop("$defs", {}), name: schema}.items():
        if schemas.setdefault(part_name, part) != part:
            raise ValueError(f"two schemas are called {part_name}")
