"""Bodies and headers within bounds of depth, memory and time, over real connections where those matter."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lockstep.service import protocol
from lockstep.service.api.body import FREE_BYTES, LARGE_BYTES, MAX_DEPTH, Budget, DepthGauge
from lockstep.service.app import create_app
from lockstep.service.errors import ApiProblem
from lockstep.service.problems import MAX_HEAD_BYTES
from lockstep.service.protocol import BoundedHttp
from lockstep.service.settings import Settings
from tests.service.conftest import NO_BROKER
from tests.service.contract import ContractClient
from tests.service.submissions import KEY, LINE

JSON = {"Content-Type": "application/json"}
TEXTS = (
    b'{"a": "\\"[[[[", "b": [1, {"c": "]"}], "\\\\": "\\\\\\"{", "d": []}',
    b'["' + b"[" * 100 + b'", "' + b"\\\\" * 50 + b'", ["x"], {"y": "\\\\\\\\"}]',
)


@pytest.mark.parametrize("text", TEXTS)
def test_brackets_in_strings_do_not_count_wherever_the_chunks_end(text: bytes) -> None:
    json.loads(text)
    for first in range(len(text)):
        for second in (first, (first + len(text)) // 2, len(text)):
            gauge = DepthGauge()
            for chunk in (text[:first], text[first:second], text[second:]):
                gauge.add(chunk)
            gauge.add(b"[" * MAX_DEPTH)
            with pytest.raises(ApiProblem):
                gauge.add(b"[")


def test_what_is_deep_enough_passes_and_one_more_does_not(shared_api: TestClient) -> None:
    for depth, code in ((MAX_DEPTH, "invalid_spec"), (MAX_DEPTH + 1, "too_nested")):
        body = b"[" * depth + b"]" * depth
        response = shared_api.post("/v1/jobs", content=body, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (422, code)


def test_doubled_branches_are_refused_before_they_are_read(shared_api: TestClient) -> None:
    """Seven megabytes, of which the first few hundred bytes say enough."""
    layer: dict[str, Any] = {"type": "relu"}
    for _ in range(17):
        layer = {"type": "concat", "branches": [[layer], [layer]]}
    body = json.dumps(LINE | {"model": {"layers": [layer]}}).encode()
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for start in range(0, len(body), 16_384):
            taken += 1
            yield body[start : start + 16_384]

    gauge = DepthGauge()
    with pytest.raises(ApiProblem) as refused:
        deque(map(gauge.add, chunks()), maxlen=0)

    assert (refused.value.status, refused.value.code, taken) == (422, "too_nested", 1)
    response = shared_api.post("/v1/jobs", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (422, "too_nested")


def test_a_body_without_a_share_of_the_budget_waits_for_nobody() -> None:
    async def story() -> None:
        budget = Budget(10)
        async with budget.hold(10):
            waiting = asyncio.create_task(budget.hold(10).__aenter__())
            await asyncio.sleep(0)
            async with asyncio.timeout(5), budget.hold(0):
                assert not waiting.done()
        await waiting

    asyncio.run(story())


def test_the_budget_is_given_in_the_order_of_asking_and_comes_back() -> None:
    async def story() -> list[str]:
        budget, done = Budget(10), []

        async def hold(name: str, size: int, release: asyncio.Event) -> None:
            async with budget.hold(size):
                done.append(name)
                await release.wait()

        gates = [asyncio.Event() for _ in range(5)]
        first = asyncio.create_task(hold("first", 8, gates[0]))
        await asyncio.sleep(0)
        large = asyncio.create_task(hold("large", 10, gates[1]))
        gone = asyncio.create_task(hold("gone", 1, gates[2]))
        small = asyncio.create_task(hold("small", 2, gates[3]))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        assert done == ["first"]
        gates[0].set()
        await first
        await asyncio.sleep(0.01)
        assert done == ["first", "large"]
        large.cancel()
        await asyncio.sleep(0.01)
        assert done == ["first", "large", "small"]
        gates[3].set()
        await small
        whole = asyncio.create_task(hold("more than there is", 99, gates[4]))
        await asyncio.sleep(0.01)
        gates[4].set()
        await whole
        return done

    assert asyncio.run(story()) == ["first", "large", "small", "more than there is"]


def post_of(size: int, sent: bytes = b"") -> bytes:
    return (
        f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode() + sent


@pytest.mark.parametrize("size", [FREE_BYTES, FREE_BYTES + 1, LARGE_BYTES])
def test_a_body_that_is_not_large_waits_for_no_large_one(sqlite_url: str, size: int) -> None:
    """Large ones hold all the room there is for them, and more of them wait."""
    limits = {"max_bodies_bytes": 4_000_000, "max_body_bytes": 2_000_000, "body_seconds": 20}
    with serving(sqlite_url, **limits) as port, ExitStack() as stack:
        for _ in range(8):
            slow = stack.enter_context(connected(port))
            slow.sendall(post_of(1_000_000, b" "))
        with connected(port) as first:  # answered when the heads before have been read
            first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in answer(first)
        waiting = stack.enter_context(connected(port))
        waiting.sendall(post_of(LARGE_BYTES + 1, b"[" + b" " * (LARGE_BYTES - 1) + b"]"))
        with connected(port) as quick:
            quick.sendall(post_of(size, b"[" + b" " * (size - 2) + b"]"))
            assert b" 422 " in answer(quick)
        waiting.setblocking(False)
        with pytest.raises(BlockingIOError):
            answer(waiting)


@contextmanager
def serving(url: str, **changes: Any) -> Iterator[int]:
    """The application behind uvicorn, as `lockstep up` has it; gives its port."""
    settings = Settings(
        database_url=url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        reconcile_seconds=600,
        **changes,
    )
    config = uvicorn.Config(create_app(settings), http=BoundedHttp, log_level="warning", port=0)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer(connection: socket.socket) -> bytes:
    return connection.recv(65536)


def test_a_head_that_does_not_end_is_refused_before_it_is_read(sqlite_url: str) -> None:
    with serving(sqlite_url) as port:
        for head in (b"GET / HTTP/1.1\r\nX-Long: ", b"GET /", b"GET / HTTP/1.1\r\n"):
            with connected(port) as connection:
                connection.sendall(head)
                sent, said = 0, b""
                piece = b"a: b\r\n" * 1000 if head.endswith(b"\r\n") else b"x" * 6000
                try:
                    while sent < 10_000_000 and not said:
                        sent += connection.send(piece)
                        connection.setblocking(False)
                        with suppress(BlockingIOError):
                            said = answer(connection)
                        connection.setblocking(True)
                        connection.settimeout(20)
                except (ConnectionResetError, BrokenPipeError):
                    said = said or b"closed"
                assert sent < 4_000_000, head
                assert b" 431 " in said or said == b"closed", said[:200]
        with connected(port) as connection:
            connection.sendall(
                b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (MAX_HEAD_BYTES - 500) + b"\r\n\r\n"
            )
            assert b" 200 " in answer(connection)


def test_a_head_that_does_not_come_ends_the_connection(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with serving(sqlite_url) as port:
        for head in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"):
            with connected(port) as connection:
                connection.sendall(head)
                assert answer(connection) == b""
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as kept:
            for _ in range(3):
                kept.request("GET", "/healthz")
                assert kept.getresponse().read() == b'{"status":"ok"}'
                kept.auto_open = 0  # all by the first connection


def test_unfinished_bodies_take_bounded_memory_and_time(sqlite_url: str) -> None:
    """Of forty bodies of a megabyte that never end, only as many are held as there is room for."""
    limits = {"max_bodies_bytes": 4_000_000, "max_body_bytes": 2_000_000, "body_seconds": 1.5}
    with serving(sqlite_url, **limits) as port:
        slow = [connected(port) for _ in range(40)]
        for connection in slow:
            connection.setblocking(False)
            connection.sendall(post_of(1_000_001))
        sent = dict.fromkeys(slow, 0)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            for connection in slow:
                try:
                    sent[connection] += connection.send(b" " * min(65_536, 1_000_000 - sent[connection]))
                except (BlockingIOError, ConnectionError):
                    continue
            # Small ones are answered meanwhile.
            with connected(port) as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b" 200 " in answer(other)
        said = []
        for connection in slow:
            connection.settimeout(20)
            said.append(answer(connection))
            connection.close()

    assert sum(b" 408 " in one for one in said) <= 8
    assert all(b" 408 " in one or b" 503 " in one for one in said)
    assert sum(b" 408 " in one for one in said) >= 3


def test_scripts_of_named_origins_are_let_in(sqlite_url: str) -> None:
    settings = Settings(
        database_url=sqlite_url,
        broker_url=NO_BROKER,
        api_key=SecretStr(KEY),
        allowed_hosts="*",
        cors_origins="https://app.example, http://localhost:5173/",
        reconcile_seconds=600,
    )
    with ContractClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as client:
        for origin, allowed in (
            ("https://app.example", True),
            ("http://localhost:5173", True),
            ("https://elsewhere.example", False),
        ):
            preflight = client.options(
                "/v1/jobs",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type",
                },
            )
            assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) == allowed
            read = client.get("/v1/jobs", headers={"Origin": origin})
            assert (read.headers.get("Access-Control-Allow-Origin") == origin) == allowed
            for path in ("/v1/jobs", "/v1/jobs/job_0", "/v1/jobs/job_0/cancel", "/healthz"):
                asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                offered = client.options(path, headers=asked).headers["Access-Control-Allow-Methods"]
                assert offered == client.put(path).headers["Allow"]
            if allowed:
                assert "X-Lockstep-Step" in read.headers["Access-Control-Expose-Headers"]
