"""Holds each answer that a test gets against what the application's own OpenAPI document says of it."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import httpx2
from fastapi.testclient import TestClient
from jsonschema_rs import Draft202012Validator

from lockstep.service.app import create_app
from lockstep.service.client import Client
from lockstep.service.paths import route_path
from lockstep.service.settings import Settings

JSON_TYPES = ("application/json", "application/problem+json")
PROBLEM = "#/components/schemas/ProblemDocument"

JsonObject = dict[str, Any]


class ContractClient(TestClient):
    """Fails at the first answer which the document does not describe; one that is streamed goes unread."""

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """See httpx2.Client."""
        response = super().send(request, stream=stream, **options)
        if not stream:
            root_path = self.app.state.services.settings.root_path  # type: ignore[attr-defined]  # FastAPI's
            described().check(response, route_path({"path": request.url.path, "root_path": root_path}))
        return response


def hold(client: Client) -> None:
    """The same for a client of a service that runs as processes."""

    root_path = client._http.base_url.path.rstrip("/")

    def check(response: httpx2.Response) -> None:
        response.read()
        described().check(response, response.request.url.path.removeprefix(root_path))

    client._http.event_hooks["response"].append(check)


@functools.cache
def described() -> Contract:
    """What every application says of itself, whatever its settings."""
    return Contract(create_app(Settings(broker_url="redis://127.0.0.1:1/0")).openapi())


class Contract:
    """The operations of a document, and validators of their answers."""

    def __init__(self, document: JsonObject) -> None:
        self._components = _closed(document["components"])
        self._operations = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods)
            for path, methods in document["paths"].items()
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, response: httpx2.Response, path: str) -> None:
        """Raise AssertionError where status, media type or body of the answer are not as described."""
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        method = "get" if response.request.method == "HEAD" else response.request.method.lower()
        operation = self._operation(path, method)
        if operation is None:
            if media_type == "application/problem+json":
                self._check_body(response, {"$ref": PROBLEM})
            return
        where = f"{response.request.method} {path} answers {response.status_code}"
        answer = operation["responses"].get(str(response.status_code))
        assert answer is not None, f"{where}, which is not described: {response.text[:500]}"
        content = answer.get("content", {})
        if not content:
            assert not response.content, f"{where} with a body, which is not described"
            return
        assert media_type in content, f"{where} as {media_type}, expected one of {sorted(content)}"
        if media_type in JSON_TYPES:
            self._check_body(response, content[media_type]["schema"])

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations."""
        return frozenset(each["operationId"] for _, methods in self._operations for each in methods.values())

    def operation_of(self, path: str, method: str) -> str | None:
        """The name of the operation that a request asks for, if it is described."""
        operation = self._operation(path, method.lower())
        return None if operation is None else str(operation["operationId"])

    def _operation(self, path: str, method: str) -> JsonObject | None:
        for pattern, methods in self._operations:
            if pattern.fullmatch(path) and method in methods:
                found: JsonObject = methods[method]
                return found
        return None

    def _check_body(self, response: httpx2.Response, schema: JsonObject) -> None:
        if response.request.method == "HEAD":
            return
        name = json.dumps(schema, sort_keys=True)
        if name not in self._validators:
            whole = {**_closed(schema), "components": self._components}
            self._validators[name] = Draft202012Validator(whole, validate_formats=True)
        body = json.loads(response.content, parse_constant=_refuse)
        errors = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
            for error in self._validators[name].iter_errors(body)
        ]
        request = f"{response.request.method} {response.request.url} answers {response.status_code}"
        assert not errors, f"{request} with a body that is not as described: {'; '.join(errors[:5])}"


def _refuse(name: str) -> None:
    raise AssertionError(f"expected JSON, got {name}")


def _closed(schema: Any) -> Any:
    """The schema, with objects that have no key but those that it names.

    The document leaves them open for later versions; this version's answers have none but what it tells.
    """
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
