"""Waiting for a signal or a child's death, without a race and without a second thread."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType, TracebackType

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """While entered, signals are written into a pipe that `wait` reads."""

    def __init__(self) -> None:
        self.stops = 0

    def __enter__(self) -> Signals:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _ignore) for number in (*STOPPING, signal.SIGCHLD)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as a signal came; `stops` counts those that ask for the end."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            self.stops += sum(number in STOPPING for number in self._reader.recv(4096))


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe carries the news; a handler must only exist, else the signal's default would act."""
