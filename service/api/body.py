"""The body of a request: read within bounds of memory, time and depth."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import numpy as np
from fastapi import Request

from lockstep.service.errors import ApiProblem, unprocessable

FREE_BYTES = 64 * 1024
"""A body up to this takes no part of the budget: there are at most as many as connections."""
LARGE_BYTES = 256 * 1024
"""A longer body takes any thread more than some 10 ms to read."""
SMALLER_SHARE = 8
"""One part in this many of the budget is for bodies that are not large."""
MAX_DEPTH = 32
"""Brackets inside each other: a model's layers may nest 8 deep, two or three brackets each."""
RETRY_AFTER_SECONDS = 1

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_END = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


class Budget:
    """So many bytes of bodies at a time, in the order in which they are asked for; for one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._free = self._most = most_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for `size` bytes, and keep it to the block's end; 0 never waits."""
        size = min(size, self._most)
        if size and (self._waiting or size > self._free):
            await self._wait(size)
        else:
            self._free -= size
        try:
            yield
        finally:
            self._give(size)

    async def _wait(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(size)
            else:
                with suppress(ValueError):  # passed over already
                    self._waiting.remove((size, turn))
                self._give(0)
            raise

    def _give(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= wanted
                turn.set_result(None)


class Room:
    """Room for one API process's bodies: those up to LARGE_BYTES have a part that no larger one takes."""

    def __init__(self, most_bytes: int, largest: int) -> None:
        share = most_bytes // SMALLER_SHARE
        self._smaller = Budget(max(share, LARGE_BYTES))
        self._larger = Budget(max(most_bytes - share, largest))

    def hold(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait for room behind bodies of the same kind, and keep it to the block's end."""
        if size <= FREE_BYTES:
            return self._smaller.hold(0)
        return (self._smaller if size <= LARGE_BYTES else self._larger).hold(size)


class DepthGauge:
    """How deep the brackets of JSON are, looked at as it comes; brackets inside strings don't count."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def add(self, chunk: bytes) -> None:
        """Look at what comes next; refuses what is deeper than MAX_DEPTH."""
        brackets = self._outside(chunk).translate(None, _NO_BRACKETS) if chunk else b""
        if not brackets:
            return
        depths = np.cumsum(_STEPS[np.frombuffer(brackets, np.uint8)], dtype=np.int64)
        if self._depth + int(depths.max()) > MAX_DEPTH:
            message = f"nested too deeply: expected at most {MAX_DEPTH} brackets inside each other"
            raise unprocessable("", "too_nested", f"{message}, got more; flatten it")
        self._depth += int(depths[-1])

    def _outside(self, chunk: bytes) -> bytes:
        """The chunk without what lies in strings, which may begin or end in another one."""
        if self._in_string:
            found = _STRING_END.match(chunk, 1 if self._escaped else 0)
            if found is None:
                self._escaped = _ends_escaped(chunk[1:] if self._escaped else chunk)
                return b""
            self._in_string, chunk = False, chunk[found.end() :]
        rest = _STRING.sub(b"", chunk)
        opened = rest.find(b'"')
        if opened >= 0:
            self._in_string, self._escaped = True, _ends_escaped(rest[opened + 1 :])
            return rest[:opened]
        return rest


def _ends_escaped(text: bytes) -> bool:
    """Whether the next byte belongs to a backslash at the end."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


@asynccontextmanager
async def reading(request: Request, bodies: Room) -> AsyncIterator[bytes]:
    """The body, refused once it is too large, too deep or too slow; its bytes count to the block's end."""
    settings = request.app.state.services.settings
    limit, seconds = settings.max_body_bytes, settings.body_seconds
    size = _declared(request)
    if size is not None and size > limit:
        raise _too_large(limit)
    async with held(bodies, limit if size is None else size, seconds):
        try:
            async with asyncio.timeout(seconds):
                body = await _read(request, limit)
        except TimeoutError:
            message = f"expected the whole body within {seconds:g} s; LOCKSTEP_BODY_SECONDS sets the limit"
            raise ApiProblem(408, message, headers={"Connection": "close"}) from None
        yield body


@asynccontextmanager
async def held(bodies: Room, size: int, seconds: float) -> AsyncIterator[None]:
    """Room for so many bytes to the block's end; refuses what has waited for it too long."""
    room = bodies.hold(size)
    try:
        async with asyncio.timeout(seconds):
            await room.__aenter__()
    except TimeoutError:
        raise ApiProblem(
            503,
            "The service reads as many bodies as it has room for; try again.",
            code="busy",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from None
    try:
        yield
    finally:
        await room.__aexit__(None, None, None)


def _declared(request: Request) -> int | None:
    """The body's length as its header says; None where that says nothing."""
    declared = request.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() and len(declared) < 20 else None


async def _read(request: Request, limit: int) -> bytes:
    gauge = DepthGauge()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        for start in range(0, len(chunk), FREE_BYTES):
            gauge.add(chunk[start : start + FREE_BYTES])
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> ApiProblem:
    return ApiProblem(
        413, f"expected at most {limit} bytes in the body; LOCKSTEP_MAX_BODY_BYTES sets the limit"
    )
