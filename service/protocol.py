"""uvicorn's HTTP, with bounds on a request's head: httptools alone reads headers of any length, for any time.

Bodies have bounds of their own (service/api/body.py). `uvicorn --http service.protocol:BoundedHttp` uses it.
"""

import asyncio
from http import HTTPStatus

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lockstep.service.problems import MAX_HEAD_BYTES, problem_document, type_of

HEAD_SECONDS = 30.0
"""How long they may take; a connection that is kept alive is uvicorn's to end."""


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection whose head does not end: past MAX_HEAD_BYTES with 431, past HEAD_SECONDS without.

    Its problems' addresses begin with the application's `root_path`, which the lifespan's state tells.
    """

    url = b""
    _head_bytes = 0
    _in_head = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._head_bytes, self._in_head = 0, True
        self._start_timer()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says of what it can't parse, as a problem; `msg` is the same for all."""
        if len(self.url) > MAX_HEAD_BYTES:  # httptools reads no longer one
            self._refuse()
        else:
            self._answer(400, "request_invalid", f"expected an HTTP/1.1 request. {msg}")

    def _refuse(self) -> None:
        detail = f"expected at most {MAX_HEAD_BYTES} bytes of request line and headers"
        self._answer(431, "headers_too_large", detail)

    def _answer(self, status: int, code: str, detail: str) -> None:
        self._in_head = False
        self._stop_timer()
        document = problem_document(status, code, detail)
        document["type"] = type_of(code, status, self.app_state.get("root_path", ""))
        body = to_json(document)
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/problem+json\r\n"
        head += f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.close()
