"""A reverse proxy before a service: all of it below a path of its own, as a web server passes it on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

HOP_BY_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding", "keep-alive"}


@contextmanager
def proxied(url: str, prefix: str, *, takes_off: bool) -> Iterator[str]:
    """The address below which the service at `url` is seen until the block ends.

    `takes_off`: the service is asked for the path without `prefix`, else for the whole.
    """
    with httpx2.Client(base_url=url, trust_env=False, timeout=30) as service:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service, prefix, takes_off))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(service: httpx2.Client, prefix: str, takes_off: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.partition("?")[0] != prefix and not self.path.startswith(f"{prefix}/"):
                self._answer(404, {}, b"another's")
                return
            path = (self.path.removeprefix(prefix) or "/") if takes_off else self.path
            headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers["Accept-Encoding"] = "identity"
            answer = service.request(self.command, path, headers=headers, content=body)
            kept = {name: text for name, text in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            self._answer(answer.status_code, kept, answer.content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output is its own."""

    return Handler
