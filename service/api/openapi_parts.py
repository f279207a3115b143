"""What FastAPI leaves out of the OpenAPI document: a name for the union of layers, headers, examples.

Generators of clients follow references, but not an array that holds itself: so a list among layers is told
as a list of objects. Lists within such a list are taken all the same; {"type": "sequential"} says it too.
"""

from collections.abc import Mapping
from typing import Any

from lockstep.service.api.openapi_forms import plain

JsonObject = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_HEADERS: Mapping[str, JsonObject] = {
    "X-Request-Id": {
        "description": "the request's id, as given or made here; the service's log has it too",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "changes whenever the answer does; send it as If-None-Match to hear of 304",
        "schema": {"type": "string"},
    },
    "X-Poll-Interval": {
        "description": "seconds after which asking again is worth while",
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
    ("verify_job", "201"): ("Location", "ETag", "X-Poll-Interval", "Idempotency-Replayed"),
    ("list_jobs", "200"): ("ETag", "X-Poll-Interval"),
    ("list_jobs", "304"): ("ETag", "X-Poll-Interval"),
    ("read_job", "200"): ("ETag", "X-Poll-Interval"),
    ("read_job", "304"): ("ETag", "X-Poll-Interval"),
    ("cancel_job", "200"): ("ETag",),
    ("read_gradients", "202"): ("Retry-After",),
    ("read_walk", "202"): ("Retry-After",),
    ("read_graph", "202"): ("Retry-After",),
}
"""By operation and status; X-Request-Id is on every answer, and Retry-After on each 503."""
_EXAMPLES: Mapping[str, JsonObject] = {
    "layers": {
        "summary": "digits, on up to two workers",
        "value": {
            "name": "digits",
            "model": {
                "layers": [
                    {"type": "linear", "in": 64, "out": 32},
                    {"type": "relu"},
                    {"type": "linear", "in": 32, "out": 10},
                ]
            },
            "data": {"builtin": "digits", "test_fraction": 0.2, "standardize": True},
            "loss": "cross_entropy",
            "optimizer": {"type": "adam", "learning_rate": 0.01},
            "epochs": 20,
            "batch_size": 64,
            "shards": 2,
            "workers": 2,
        },
    },
    "expression": {
        "summary": "a line through two points",
        "value": {
            "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
            "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
            "loss": "mse",
            "optimizer": {"type": "sgd", "learning_rate": 0.1},
            "epochs": 1000,
            "batch_size": "full",
        },
    },
    "minimize": {
        "summary": "a formula made small",
        "value": {
            "kind": "minimize",
            "objective": "x**2",
            "start": {"x": 1.2},
            "optimizer": {"type": "sgd", "learning_rate": 0.3},
            "stop": {"value_below": 0.001},
        },
    },
    "solve": {
        "summary": "a formula given a value",
        "value": {
            "kind": "solve",
            "expression": "(2*w + 3*b)*(2*b + 1)",
            "start": {"w": 3, "b": 4},
            "solve_for": ["b"],
            "target": 150,
        },
    },
}
"""Of what POST /v1/jobs takes; a test sends each of them."""


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
    body["examples"] = dict(_EXAMPLES)


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
