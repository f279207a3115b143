"""The processes of one contestant, one a rank, told what to do together over a socket each."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.core.race import Failed, environment

START_SECONDS = 300.0
"""To import, to meet, and for one of them to compile."""
ANSWER_SECONDS = 120.0
STOP_SECONDS = 10.0

Answer = dict[str, Any]


class Members:
    """`size` processes of `benchmarks.group.member`; `words` say what they are, see there.

    `launcher`, where given, starts all of them at once and sets PMI_RANK, as mpiexec does; else each is
    started by itself. Raises Failed where they do not come up.
    """

    def __init__(self, words: Sequence[object], size: int, launcher: Sequence[str] = ()) -> None:
        self._name = " ".join(map(str, words[:2]))
        self._folder = tempfile.TemporaryDirectory(prefix="lockstep-bench-")
        self.folder = Path(self._folder.name)
        path = str(self.folder / "control")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(size)
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - `close` closes it
        self._words = [path, *map(str, (size, self._folder.name, *words))]
        self._connections: dict[int, socket.socket] = {}
        self._lines: dict[int, Any] = {}
        self.pids: dict[int, int] = {}
        self.versions: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._start(size, launcher)
        except BaseException:
            self.close()
            raise

    def _start(self, size: int, launcher: Sequence[str]) -> None:
        command = [sys.executable, "-m", "benchmarks.group.member"]
        ranks = ["-"] if launcher else [str(rank) for rank in range(size)]
        for rank in ranks:
            self._processes.append(
                subprocess.Popen(
                    [*launcher, *command, rank, *self._words],
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=self._errors,
                    stderr=self._errors,
                )
            )
        deadline = time.monotonic() + START_SECONDS
        while len(self._connections) < size:
            self._listener.settimeout(0.2)
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                if any(process.poll() for process in self._processes) or time.monotonic() > deadline:
                    raise Failed(self._last_words("did not come up")) from None
                continue
            connection.settimeout(START_SECONDS)
            lines = connection.makefile("r")
            hello = json.loads(lines.readline())
            self._connections[hello["rank"]], self._lines[hello["rank"]] = connection, lines
            self.pids[hello["rank"]] = hello["pid"]
        for number in range(size):
            self.versions |= self.answer(number, START_SECONDS)["versions"]

    def ask(self, *words: object, seconds: float = ANSWER_SECONDS) -> list[Answer]:
        """Tell all of them something and give their answers by rank. Raises Failed."""
        for rank in self._connections:
            self.tell(rank, *words)
        return [self.answer(rank, seconds) for rank in sorted(self._connections)]

    def ask_one(self, rank: int, *words: object) -> Answer:
        """Tell one of them something and give its answer. Raises Failed."""
        self.tell(rank, *words)
        return self.answer(rank)

    def tell(self, rank: int, *words: object) -> None:
        """Tell one of them something. Raises Failed."""
        try:
            self._connections[rank].sendall((" ".join(map(str, words)) + "\n").encode())
        except OSError:
            raise Failed(self._last_words(f"rank {rank} has ended")) from None

    def answer(self, rank: int, seconds: float = ANSWER_SECONDS) -> Answer:
        """The next line of one of them. Raises Failed."""
        self._connections[rank].settimeout(seconds)
        try:
            line = self._lines[rank].readline()
        except (TimeoutError, OSError) as error:
            raise Failed(self._last_words(f"rank {rank} did not answer ({error!r})")) from None
        if not line:
            raise Failed(self._last_words(f"rank {rank} has ended"))
        answer: Answer = json.loads(line)
        return answer

    def send_signal(self, rank: int, number: signal.Signals) -> float:
        """Send one of them a signal; the time before it (monotonic)."""
        before = time.monotonic()
        os.kill(self.pids[rank], number)
        return before

    def _last_words(self, what: str) -> str:
        self._errors.seek(0)
        return f"{self._name} {what}: {self._errors.read()[-2000:].strip()}"

    def close(self) -> None:
        """End them; they end where their sockets are closed, and are killed where they do not."""
        for rank, connection in self._connections.items():
            self._lines[rank].close()
            connection.close()
        self._listener.close()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._errors.close()
        self._folder.cleanup()
