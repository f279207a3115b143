"""Signs of life of the thread that trains, and the watch over them.

A thread that hangs amid a step does not notice it, and another one goes on renewing its claim. So a third
looks whether there are signs of life, and where there were none for too long it ends the process: the main
process then evicts what it held, and has another child (lifeline.py, nursery.py).
"""

import contextlib
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

HUNG_STATUS = 70
"""The exit status of a process that is ended for it: EX_SOFTWARE."""
LOOK_SECONDS = 0.5
SILENT_SECONDS = 60.0
"""After so long without a look of the watchdog's its process ends, too: no lease is renewed in it either."""


class Pulse:
    """What one thread is at. `beats` grows with every sign of life.

    `limit_seconds` is how long there may be none; None while it does nothing that is watched.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.doing = ""
        self.limit_seconds: float | None = None

    def beat(self) -> None:
        """Give a sign of life."""
        self.beats += 1

    @contextlib.contextmanager
    def at(self, doing: str, limit_seconds: float) -> Iterator[None]:
        """Within it the thread is at something that gives a sign of life within `limit_seconds`, or ends."""
        self.beat()
        self.doing, self.limit_seconds = doing, limit_seconds
        try:
            yield
        finally:
            self.limit_seconds = None


class Watchdog:
    """A thread that calls `on_hang` when `pulse` gives no sign of life for its limit, `on_look` at each look.

    It counts its own looks, not the hours: while the whole process is frozen nothing counts, and its claim
    ends with its lease.
    """

    def __init__(
        self,
        pulse: Pulse,
        on_hang: Callable[[Pulse], None],
        on_look: Callable[[Pulse], None] = lambda _: None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._pulse = pulse
        self._on_hang, self._on_look = on_hang, on_look
        self._look_seconds = look_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lockstep-watchdog", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()

    def _watch(self) -> None:
        beats, looks = self._pulse.beats, 0
        while not self._stop.wait(self._look_seconds):
            self._on_look(self._pulse)
            now, limit = self._pulse.beats, self._pulse.limit_seconds
            looks = looks + 1 if now == beats and limit is not None else 0
            beats = now
            if limit is not None and looks * self._look_seconds > limit:
                self._on_hang(self._pulse)
                return


def end_process(pulse: Pulse) -> None:
    """Say where each thread is, and end this process at once."""
    logger.error(
        "action=hung doing=%s seconds=%.0f: no sign of life, so this process ends; where it was:",
        pulse.doing,
        pulse.limit_seconds or 0.0,
    )
    faulthandler.dump_traceback(sys.stderr)
    os._exit(HUNG_STATUS)


def end_process_without_looks(pulse: Pulse, seconds: float = SILENT_SECONDS) -> None:
    """Unless it is called again in time, say where each thread is and end this process.

    No thread can look while a call hangs that keeps the interpreter's lock; this waits outside of it.
    """
    faulthandler.dump_traceback_later(max(seconds, pulse.limit_seconds or 0.0), exit=True)
