"""One call of the HTTP API, asked once and noted, whatever comes of it."""

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.chaos.ledger.plain_sql import PlainSql
from tests.chaos.ledger.recording import Recorder

PATIENCE_SECONDS = 15.0
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked. `act` is the verb; `job` and `spec` say of what, `key` is the Idempotency-Key."""

    act: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    key: str | None = None
    job: str | None = None
    spec: str | None = None
    seconds: float = PATIENCE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Got:
    """What came of it. `status` is None where nothing did."""

    status: int | None
    answer: Mapping[str, Any]

    @property
    def job(self) -> str | None:
        """The id in the answer."""
        found = self.answer.get("id")
        return found if isinstance(found, str) else None


class Traffic:
    """How many calls that change something are under way, for who wants to strike in the middle of one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.under_way = 0

    def count(self, change: int) -> None:
        """One more, or one less."""
        with self._lock:
            self.under_way += change


class Caller:
    """A client that never asks again by itself. For one thread."""

    def __init__(self, name: str, place: "Place") -> None:
        url, key, recorder = place.url, place.key, place.recorder
        self._name = name
        self._traffic = place.traffic
        self._recorder = recorder
        self._http = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, verify=False
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def ask(self, ask: Ask) -> Got:
        """Ask, and note both sides of it."""
        asked_at, began = time.time(), time.monotonic()
        status, answer, error = None, {}, None
        headers = {} if ask.key is None else {"Idempotency-Key": ask.key}
        changes = ask.method != "GET"
        self._traffic.count(changes)
        try:
            response = self._http.request(
                ask.method, ask.path, json=ask.body, headers=headers, timeout=ask.seconds
            )
            status = response.status_code
            answer = _shown(response)
        except (httpx2.HTTPError, ValueError) as failure:
            error = type(failure).__name__
        finally:
            self._traffic.count(-changes)
        self._recorder.write(
            "call",
            client=self._name,
            number=next(_numbers),
            asked_at=asked_at,
            seconds=time.monotonic() - began,
            act=ask.act,
            job=ask.job,
            key=ask.key,
            spec=ask.spec,
            status=status,
            error=error,
            answer=answer,
        )
        return Got(status=status, answer=answer)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where clients ask, and where that is noted. `name` begins the keys of their POSTs."""

    name: str
    url: str
    key: str
    recorder: Recorder
    database: PlainSql
    traffic: Traffic

    def caller(self, name: str) -> Caller:
        """A client of its own."""
        return Caller(name, self)


def _shown(response: httpx2.Response) -> dict[str, Any]:
    """Of an answer what a checker needs."""
    if not response.content:
        return {}
    body = response.json()
    if not isinstance(body, dict):
        return {}
    if body.get("object") != "job" or "status" not in body:
        return {name: body[name] for name in ("code", "title", "detail", "object", "deleted") if name in body}
    result = body.get("result") or {}
    return {
        "id": body["id"],
        "status": body["status"],
        "reason": body["status_reason"],
        "is_terminal": body["is_terminal"],
        "step": body["progress"]["step"],
        "digest": result.get("weights_sha256"),
    }
