"""The outermost layer of the API: request ids, security headers, known hosts, an answer to every crash."""

import logging
import re
import uuid
from collections.abc import Collection

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockstep.service.errors import ApiProblem, problem_of, problem_response
from lockstep.service.paths import route_path
from lockstep.service.problems import MAX_HEAD_BYTES

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = "X-Request-Id"
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")
"""What is taken over from a client: short, and harmless in a log line and in a header."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Envelope:
    """An ASGI layer around everything; being outside the framework's own, it sees its crashes too.

    `host_names`: the names in a Host header that are answered (None: any), which stops DNS rebinding.
    """

    def __init__(self, app: ASGIApp, host_names: Collection[str] | None) -> None:
        self._app = app
        self._host_names = host_names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; only HTTP has headers to add."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)
        request_id = _request_id(request_headers)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if route_path(scope).startswith("/v1/"):
                    headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        try:
            self._check_host(request_headers)
            _check_size(scope)
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if not isinstance(error, ApiProblem):
                logger.exception("action=request_failed request=%s path=%s", request_id, scope["path"])
            if started:
                raise
            response = problem_response(problem_of(error, Request(scope)), scope, scope["path"])
            await response(scope, receive, send_with_headers)

    def _check_host(self, headers: Headers) -> None:
        if self._host_names is None:
            return
        host = headers.get("Host", "").lower()
        name = re.sub(r":\d*$", "", host)
        if name not in self._host_names:
            raise ApiProblem(
                421,
                f"This service does not answer to the host {host[:100]!r}; LOCKSTEP_ALLOWED_HOSTS names "
                "those that it does.",
            )


def _check_size(scope: Scope) -> None:
    """Refuse a head that is too long, even where the server let it through."""
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size + len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MAX_HEAD_BYTES:
        raise ApiProblem(431, f"expected at most {MAX_HEAD_BYTES} bytes of request line and headers")


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if SANE_REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
