"""What the client of the HTTP API takes and gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

JsonObject = dict[str, Any]
"""An object of JSON as the API sent it; its values' types are the API's to say."""

WeightsFormat = Literal["npz", "safetensors", "json", "onnx"]


class ApiError(Exception):
    """An answer that is not a success, with the fields of its problem document.

    `status` is 0 when no answer came at all (the service is not running, or the connection broke).
    `errors` holds {pointer, code, message} for each thing that is wrong with the request.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[JsonObject] = list(problem.get("errors", []))
        self.request_id: str | None = problem.get("request_id")
        super().__init__(self._text())

    def _text(self) -> str:
        head = f"{self.status} {self.title}".strip() if self.status else self.title
        # Each thing is said once: by the entries, or by the detail where no entry names a place.
        repeats = bool(self.errors) and all(str(each.get("message")) in self.detail for each in self.errors)
        placed = any(each.get("pointer") for each in self.errors)
        entries = [f"  {each.get('pointer') or '/'}: {each.get('message')}" for each in self.errors]
        first = f"{head}: {self.detail}" if self.detail and not (repeats and placed) else head
        return "\n".join([first, *entries] if placed or not repeats else [first])


_JOB_ID = re.compile(r"[A-Za-z0-9_-]+")
"""Wider than the ids of this version: what it takes is one part of a path, and stays one."""


def checked_job_id(text: str) -> str:
    """The same text; raises ValueError for one that no job has as its id, such as the empty one."""
    if not _JOB_ID.fullmatch(text):
        raise ValueError(f"expected a job's id, such as job_01k9zq, got {text[:80]!r}")
    return text


def job_path(job_id: str, rest: str = "") -> str:
    """Where the API has a job, and what belongs to it; raises ValueError as `checked_job_id`."""
    return f"/v1/jobs/{checked_job_id(job_id)}{rest}"


@dataclass(frozen=True)
class Call:
    """One request; every call of this client may be sent again without harm."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, object] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Update:
    """What `Client.watch` saw: the job now, and the points of its history since the last update."""

    job: JsonObject
    history: dict[str, JsonObject]


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of weights; `step` is None where they are a job's result, else how many steps they have seen."""

    content: bytes
    step: int | None
