"""What FastAPI leaves out of the OpenAPI document: a name for the union of layers, headers, examples.

Generators of clients follow references, but not an array that holds itself: so a list among layers is told
as a list of objects. Lists within such a list are taken all the same; {"type": "sequential"} says it too.
"""

from collections.abc import Mapping
from typing import Any

from lockstep.service.api.openapi_forms import plain
from lockstep.service.examples import example

JsonObject = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_HEADERS: Mapping[str, JsonObject] = {
    "X-Request-Id": {
        "description": "the request's id, as given or made here; the service's log has it too",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "changes whenever the answer does; sent as If-None-Match it gets 304 until then",
        "schema": {"type": "string"},
    },
    "X-Poll-Interval": {
        "description": "seconds after which it is worth asking again",
        "schema": {"type": "integer"},
    },
    "Location": {"description": "where the new job is", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true where an earlier request with the same Idempotency-Key made the job",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {"description": "seconds to wait before asking again", "schema": {"type": "integer"}},
}
_OF_ANSWERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("create_job", "201"): ("Location", "ETag", "X-Poll-Interval", "Idempotency-Replayed"),
    ("clone_job", "201"): ("Location", "ETag", "X-Poll-Interval", "Idempotency-Replayed"),
    ("verify_job", "201"): ("Location", "ETag", "X-Poll-Interval", "Idempotency-Replayed"),
    ("list_jobs", "200"): ("ETag", "X-Poll-Interval"),
    ("list_jobs", "304"): ("ETag", "X-Poll-Interval"),
    ("read_job", "200"): ("ETag", "X-Poll-Interval"),
    ("read_job", "304"): ("ETag", "X-Poll-Interval"),
    **dict.fromkeys(
        ((f"{verb}_job", "200") for verb in ("cancel", "pause", "resume", "edit")),
        ("ETag", "X-Poll-Interval"),
    ),
    ("read_gradients", "202"): ("Retry-After",),
    ("read_walk", "202"): ("Retry-After",),
    ("read_graph", "202"): ("Retry-After",),
}
"""By operation and status; X-Request-Id is on every answer, and Retry-After on each 503."""
_EXAMPLES: Mapping[str, tuple[str, str]] = {
    "layers": ("digits", "digits, on up to two workers"),
    "expression": ("line", "a line through two points"),
    "minimize": ("minimize", "a formula made small"),
    "solve": ("solve", "a formula given a value"),
}
"""Of what POST /v1/jobs takes: the file in examples/, and what it is; a test sends each of them."""


def complete(document: JsonObject) -> None:
    """Put all of it into FastAPI's document."""
    document["components"]["headers"] = dict(_HEADERS)
    schemas = document["components"]["schemas"]
    _name_layers(schemas)
    schemas.update({name: plain(schema) for name, schema in schemas.items()})
    for operations in document["paths"].values():
        for operation in operations.values():
            _add_headers(operation)
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    body["examples"] = {
        name: {"summary": summary, "value": example(file)} for name, (file, summary) in _EXAMPLES.items()
    }


def _name_layers(schemas: JsonObject) -> None:
    union = schemas["LayersModel"]["properties"]["layers"]["items"]
    group = {"$ref": f"{_SCHEMAS}LayerGroup"}
    objects = [option for option in union["oneOf"] if option != group]
    for name, schema in schemas.items():
        schemas[name] = _replaced(schema, union, {"$ref": f"{_SCHEMAS}Layer"})
    schemas["Layer"] = union
    schemas["ObjectLayer"] = {"oneOf": objects, "description": "A layer that is no list."}
    schemas["LayerGroup"]["items"] = {"$ref": f"{_SCHEMAS}ObjectLayer"}


def _replaced(value: object, what: JsonObject, by: JsonObject) -> object:
    """`value` with each part that equals `what` replaced."""
    if value == what:
        return by
    if isinstance(value, dict):
        return {key: _replaced(item, what, by) for key, item in value.items()}
    return [_replaced(item, what, by) for item in value] if isinstance(value, list) else value


def _add_headers(operation: JsonObject) -> None:
    for status, answer in operation["responses"].items():
        names = ["X-Request-Id", *_OF_ANSWERS.get((operation["operationId"], status), ())]
        if status == "503":
            names.append("Retry-After")
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
