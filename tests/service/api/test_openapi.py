"""The OpenAPI document for those who generate programs from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lockstep.service.api.openapi_forms import plain
from tests.service.submissions import LINE

COMPOSITES = ("SequentialLayers", "Residual", "Concat")


@pytest.fixture
def document(shared_api: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = shared_api.get("/openapi.json").json()
    return found


def schemas_within(value: object) -> Iterator[dict[str, Any]]:
    """Each object of the document that describes something."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas_within(part)


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["operationId"]: each for path in document["paths"].values() for each in path.values()}


def arrays_reached(document: dict[str, Any], name: str) -> set[str]:
    """The schemas that one reaches from an array without going through an object."""
    schemas, found, left = document["components"]["schemas"], set(), [name]
    while left:
        schema = schemas[left.pop()]
        for option in (schema.get("items", {}), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
            reached = option.get("$ref", "").rpartition("/")[2]
            if reached and reached not in found and schemas[reached].get("type") != "object":
                found.add(reached)
                left.append(reached)
    return found


def test_no_array_holds_itself(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    arrays = [name for name, schema in schemas.items() if schema.get("type") == "array"]

    assert "LayerGroup" in arrays
    for name in arrays:
        assert name not in arrays_reached(document, name)


def test_the_union_of_layers_stands_once_by_its_name(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    layer = {"$ref": "#/components/schemas/Layer"}

    assert schemas["LayersModel"]["properties"]["layers"]["items"] == layer
    assert schemas["Residual"]["properties"]["layers"]["items"] == layer
    assert schemas["Concat"]["properties"]["branches"]["items"]["items"] == layer
    listed = {each["$ref"].rpartition("/")[2] for each in schemas["Layer"]["oneOf"]}
    objects = {each["$ref"].rpartition("/")[2] for each in schemas["ObjectLayer"]["oneOf"]}
    assert listed == objects | {"LayerGroup"}
    assert {"Linear", *COMPOSITES} <= objects


def test_a_property_with_a_default_may_be_left_out_and_says_so(document: dict[str, Any]) -> None:
    """openapi-typescript takes one with the word `default` for one that is always there."""
    schemas = document["components"]["schemas"]

    for schema in schemas_within(schemas):
        properties = schema.get("properties", {})
        assert [name for name, each in properties.items() if "default" in each] == []
    rate = schemas["Adam"]["properties"]["learning_rate"]
    assert rate["description"].endswith("\nDefault: 0.001.")
    assert "learning_rate" not in schemas["Adam"]["required"]
    assert "Default" not in schemas["TrainSpec"]["properties"]["seed"]["description"]


def test_names_by_a_pattern_have_a_type_and_there_are_no_others(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert [schema for schema in schemas_within(schemas) if "patternProperties" in schema] == []
    parameters = schemas["ExpressionModel"]["properties"]["parameters"]
    assert parameters["additionalProperties"] == {"type": "number"}
    assert parameters["propertyNames"] == {"maxLength": 64, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}


def test_of_two_patterns_of_names_none_is_lost() -> None:
    schema: dict[str, Any] = {"properties": {"named": {"patternProperties": {"^a$": {}, "^b$": {}}}}}

    with pytest.raises(ValueError, match="one pattern"):
        plain(schema)


@pytest.mark.parametrize("kind", ["MinimizeSpec", "SolveSpec"])
def test_what_a_search_refuses_at_submission_its_schema_refuses(document: dict[str, Any], kind: str) -> None:
    workers = document["components"]["schemas"][kind]["properties"]["workers"]

    assert (workers["minimum"], workers["maximum"]) == (1, 1)


def test_operations_have_short_names_each_once(document: dict[str, Any]) -> None:
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)?", name) for name in names), names


def test_the_headers_of_an_answer_are_those_that_it_has(
    shared_api: TestClient, document: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "openapi headers"}
    made = shared_api.post("/v1/jobs", json=LINE, headers=key)
    again = shared_api.post("/v1/jobs", json=LINE, headers=key)
    job_id = made.json()["id"]
    answers = {
        "create_job": again,
        "list_jobs": shared_api.get("/v1/jobs"),
        "read_job": shared_api.get(f"/v1/jobs/{job_id}"),
        "read_history": shared_api.get(f"/v1/jobs/{job_id}/history"),
        "list_workers": shared_api.get("/v1/workers"),
        "healthz": shared_api.get("/healthz"),
    }

    for name, answer in answers.items():
        told = operations(document)[name]["responses"][str(answer.status_code)]["headers"]
        for header in told:
            assert header in answer.headers, (name, header)
    problem = operations(document)["read_job"]["responses"]["404"]
    assert "X-Request-Id" in problem["headers"]


def test_each_example_is_taken(shared_api: TestClient, document: dict[str, Any]) -> None:
    body = operations(document)["create_job"]["requestBody"]["content"]["application/json"]

    assert set(body["examples"]) == {"layers", "expression", "minimize", "solve"}
    for name, example in body["examples"].items():
        answer = shared_api.post("/v1/jobs?validate_only=true", json=example["value"])
        assert answer.status_code == 200, (name, answer.text)
