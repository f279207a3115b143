"""How answers travel: HEAD wherever there is GET, and gzip for clients that accept it."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHORTEST_BYTES = 1000
"""Below it an answer fits one packet either way."""
IN_THREAD_BYTES = 32 * 1024
"""From it on compressing would hold up the other requests."""
LEVEL = 4
_GZIP_WINDOW = 31  # zlib's number for its largest window in gzip's wrapping
_TYPES = ("application/json", "application/problem+json", "text/", "image/svg+xml")
_WHOLE = frozenset({204, 206, 304})
"""Answers without a body, and parts of files, whose bytes are counted."""


class Heads:
    """Answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class Compressed:
    """Compresses text and JSON for those who say that they take gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        takes = _takes_gzip(Headers(scope=scope).get("Accept-Encoding", ""))
        await self._app(scope, receive, _Answer(send, takes=takes))


class _Answer:
    """One answer on its way; what begins it waits for the first bytes, which say how long it is."""

    def __init__(self, send: Send, *, takes: bool) -> None:
        self._send = send
        self._takes = takes
        self._start: Message | None = None
        self._packer: Any = None  # zlib has no name for the type of its compressors

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            if self._is_worth_it(start, len(body), more):
                MutableHeaders(scope=start)["Content-Encoding"] = "gzip"
                if not more:
                    body = await _whole(body)
                    MutableHeaders(scope=start)["Content-Length"] = str(len(body))
                else:
                    del MutableHeaders(scope=start)["Content-Length"]
                    self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
            await self._send(start)
        if self._packer is not None:
            body = self._packer.compress(body) + self._packer.flush(
                zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH
            )
        await self._send({**message, "body": body})

    def _is_worth_it(self, start: Message, length: int, more: bool) -> bool:
        headers = MutableHeaders(scope=start)
        if start["status"] in _WHOLE or not headers.get("Content-Type", "").startswith(_TYPES):
            return False
        headers.add_vary_header("Accept-Encoding")
        return self._takes and "Content-Encoding" not in headers and (more or length >= SHORTEST_BYTES)


async def _whole(body: bytes) -> bytes:
    if len(body) < IN_THREAD_BYTES:
        return gzip.compress(body, LEVEL, mtime=0)
    return await run_in_threadpool(gzip.compress, body, LEVEL, mtime=0)


def _takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding names gzip, or anything, with a weight above 0."""
    weights: dict[str, float] = {}
    for entry in header.lower().split(","):
        name, _, parameter = entry.strip().partition(";")
        try:
            weights[name.strip()] = float(parameter.partition("=")[2]) if parameter else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
