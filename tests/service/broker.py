"""A real broker, Valkey on a unix socket, that can go away and come back at the same address."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from lockstep.service.local.broker import EmbeddedBroker


class Broker:
    """Valkey as `lockstep up` runs it; what was in its queues is gone when it comes back."""

    def __init__(self, directory: Path) -> None:
        self._embedded = EmbeddedBroker(folder=directory)
        self.url = self._embedded.url
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Start, and listen when this returns."""
        self._process = subprocess.Popen(self._embedded.command(), stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def go(self) -> None:
        """End, as if the machine had lost its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
        self._embedded.socket_path.unlink(missing_ok=True)

    def rings(self, queue: str) -> list[tuple[str, list[str]]]:
        """The tasks in a queue with their arguments, oldest first."""
        with self._client() as redis:
            messages = [json.loads(message) for message in redis.lrange(f"lockstep:{queue}", 0, -1)]
        return [
            (message["headers"]["task"], json.loads(base64.b64decode(message["body"]))[0])
            for message in reversed(messages)
        ]

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self._embedded.socket_path), socket_timeout=5)

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError), self._client() as redis:
            return bool(redis.ping())
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that other threads and processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
