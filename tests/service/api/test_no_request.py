"""What is no request of HTTP/1.1 is answered as a problem too, over a real connection."""

from __future__ import annotations

import json
import socket

import pytest

from lockstep.service.problems import MAX_HEAD_BYTES
from tests.service.api.test_body import connected, serving

HOST = b"Host: x\r\n"
WRONG = {
    b"GET /" + b"x" * (MAX_HEAD_BYTES + 6000) + b" HTTP/1.1\r\n" + HOST + b"\r\n": (431, "headers_too_large"),
    b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n": (400, "request_invalid"),
    b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n": (400, "request_invalid"),
    b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n": (400, "request_invalid"),
    b"GET / HTTP/9.9\r\n" + HOST + b"\r\n": (400, "request_invalid"),
    b"\x16\x03\x01\x02\x00\x01": (400, "request_invalid"),
    b"nonsense\r\n\r\n": (400, "request_invalid"),
}


def whole_answer(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("root_path", ["", "/lockstep"])
def test_what_is_no_request_is_a_problem(sqlite_url: str, root_path: str) -> None:
    with serving(sqlite_url, root_path=root_path) as port:
        for sent, (status, code) in WRONG.items():
            with connected(port) as connection:
                connection.sendall(sent)
                head, _, body = whole_answer(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d " % status), (sent[:60], head)
            assert b"Content-Type: application/problem+json" in head, sent[:60]
            document = json.loads(body)
            assert (document["status"], document["code"]) == (status, code)
            assert document["type"] == f"{root_path}/docs/problems#{code}"
