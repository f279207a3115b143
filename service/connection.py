"""A connection to Lockstep's HTTP API: calls are tried again while the service may be restarting."""

import json
import time
import urllib.parse
from collections.abc import Mapping
from typing import Self

import httpx2

from lockstep.service.answers import problem_in
from lockstep.service.client_types import ApiError, Call, JsonObject
from lockstep.service.own_address import is_loopback

CONNECT_TIMEOUT_SECONDS = 5.0
FIRST_PATIENCE_SECONDS = 1.0
"""How long to try a service that has never answered: it may be starting, but most likely it does not run."""
PATIENCE_SECONDS = 6.0
"""How long to try a service that has answered before: it may be restarting."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})


class Connection:
    """One pool of connections to a service; close it, or use it as a context manager.

    Raises ValueError for what is no address.
    """

    def __init__(self, url: str, api_key: str | None = None, *, timeout_seconds: float = 30.0) -> None:
        self._url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected an address such as http://127.0.0.1:8000, got {url!r}")
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx2.Timeout(timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            trust_env=not is_loopback(parts.hostname),  # a proxy can't reach this machine's loopback
            # Loading the certificates takes longer than most calls; plain HTTP has no use for them.
            verify=parts.scheme == "https",
        )
        self._answered = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def is_ready(self) -> bool:
        """GET /readyz, once: whether the service answers and its database is migrated and answers too."""
        try:
            return self._http.get("/readyz", timeout=CONNECT_TIMEOUT_SECONDS).status_code == 200
        except httpx2.HTTPError:
            return False

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> JsonObject:
        return json_object(self._send(Call("GET", path, query=query)))

    def _send(self, call: Call) -> httpx2.Response:
        """Send a call until it is answered or patience is out; 304 counts as a success."""
        patience = PATIENCE_SECONDS if self._answered else FIRST_PATIENCE_SECONDS
        deadline = time.monotonic() + patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                response = self._http.send(self._request(call))
            except httpx2.TransportError as error:
                # After a timeout the patience is used up already.
                if isinstance(error, httpx2.TimeoutException) or time.monotonic() + pause > deadline:
                    raise self._no_answer(error) from error
            else:
                self._answered = True
                if response.is_success or response.status_code == 304:
                    return response
                if response.status_code not in RETRIED_STATUSES or time.monotonic() + pause > deadline:
                    raise ApiError(response.status_code, problem_in(response))
            time.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _request(self, call: Call) -> httpx2.Request:
        headers = dict(call.headers or {})
        content: bytes | None = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body, allow_nan=False, separators=(",", ":")).encode()
        query = {name: str(value) for name, value in (call.query or {}).items() if value is not None}
        return self._http.build_request(
            call.method, call.path, params=query, content=content, headers=headers
        )

    def _no_answer(self, error: httpx2.TransportError) -> ApiError:
        detail = f"{self._url} does not answer ({error or type(error).__name__}). Is the service running?"
        return ApiError(0, {"title": "No answer", "detail": detail})


def json_object(response: httpx2.Response) -> JsonObject:
    """The object of JSON that an answer holds."""
    body: JsonObject = response.json()
    return body
