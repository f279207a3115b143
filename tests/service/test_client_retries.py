"""The client and a service that is busy, restarting, or will not change its mind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lockstep.service import connection
from lockstep.service.client import ApiError, Client

Requests = list[tuple[str, str | None]]
"""Of each request its path and its Idempotency-Key."""


@contextmanager
def answering(statuses: list[int]) -> Iterator[tuple[str, Requests]]:
    """A server that answers with these statuses in turn, with the last one from then on."""
    requests: Requests = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append((self.path, self.headers.get("Idempotency-Key")))
            status = statuses[min(len(requests), len(statuses)) - 1]
            body = json.dumps({"id": "job_1"} if status == 200 else {"title": "No", "detail": "not now"})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
        server.shutdown()
        thread.join(10)


CALLS: dict[str, Callable[[Client], dict[str, Any]]] = {
    "GET": lambda client: client.job("job_1"),
    "POST": lambda client: client.create_job({"kind": "train"}),
}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_who_is_busy_is_asked_again(status: int, call: Callable[[Client], dict[str, Any]]) -> None:
    with answering([status, status, 200]) as (url, requests), Client(url) as client:
        assert call(client) == {"id": "job_1"}

    assert len(requests) == 3
    assert len(set(requests)) == 1  # a POST with the same Idempotency-Key each time


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500, 501])
def test_a_refusal_is_told_at_once(status: int, call: Callable[[Client], dict[str, Any]]) -> None:
    with answering([status, 200]) as (url, requests), Client(url) as client:
        with pytest.raises(ApiError, match="not now") as caught:
            call(client)
        assert caught.value.status == status

    assert len(requests) == 1


def test_who_stays_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PATIENCE_SECONDS", 0.05)
    with answering([429]) as (url, requests), Client(url) as client:
        with pytest.raises(ApiError, match="not now") as caught:
            client.job("job_1")
        assert caught.value.status == 429

    assert len(requests) > 1
