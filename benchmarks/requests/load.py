"""Clients that keep their connections and send the same request again and again."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of it: requests a second, and how long each took, in ms; all answered `status`."""

    per_second: float
    milliseconds: tuple[float, ...]
    status: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to send."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    expects: int = 200

    def encode(self) -> bytes:
        """As it goes over the wire."""
        parts = urlsplit(self.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def run(request: Request, clients: int, seconds: float) -> Load:
    """Send it from so many clients for so long. Raises RuntimeError at any other answer."""
    return asyncio.run(_run(request, clients, seconds))


async def _run(request: Request, clients: int, seconds: float) -> Load:
    until = time.perf_counter() + seconds
    found = await asyncio.gather(*(_client(request, until) for _ in range(clients)))
    taken = [each for times in found for each in times]
    return Load(per_second=len(taken) / seconds, milliseconds=tuple(taken), status=request.expects)


async def _client(request: Request, until: float) -> list[float]:
    parts = urlsplit(request.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    data, taken = request.encode(), []
    while (begun := time.perf_counter()) < until:
        writer.write(data)
        status = await _answer(reader)
        if status != request.expects:
            raise RuntimeError(f"expected {request.expects} from {request.url}, got {status}")
        taken.append((time.perf_counter() - begun) * 1000)
    writer.close()
    return taken


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(first.split()[1])
