"""A process of the local service: started, restarted with back-off, stopped, and never left behind."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.service.local.logs import rotate

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.2
MAX_DELAY_SECONDS = 10.0
LOG_LOOK_SECONDS = 5.0
"""Between two looks at how long its log is."""
STEADY_SECONDS = 60.0  # one that lived this long has recovered: its next restart is prompt again
DEATHS_TO_TELL = 3
"""So many deaths in a row, and it is not bad luck: somebody should know."""
_TAIL_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> Callable[[], None] | None:
    """What a new process calls so that the kernel kills it when the supervisor is gone; Linux only.

    The signal is SIGKILL: nobody would be there to insist if a polite one were ignored, and a
    service that comes back must not find a predecessor at work. (Ending like that is a crash, which
    jobs survive.) It is bound to the parent's thread, so children are started from the main thread.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died between fork and here
            os._exit(1)

    return arm


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and where its output goes."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log_path: Path
    inherit: tuple[int, ...] = ()


@dataclass(kw_only=True)
class Child:
    """One supervised process. `tend` is called often; it restarts the process once its back-off is over.

    `deaths` counts those in a row, none of which let it live for `STEADY_SECONDS`; at the third
    `on_failing` is called, once until it has recovered.
    """

    program: Program
    on_death: Callable[[], None] | None = None
    on_failing: Callable[[Child], None] | None = None
    restarts: int = 0
    deaths: int = 0
    process: subprocess.Popen[bytes] | None = None
    _started_at: float = field(default=0.0)
    _due_at: float = field(default=0.0)
    _log_due_at: float = field(default=0.0)
    _delay_seconds: float = field(default=FIRST_DELAY_SECONDS)

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        with self.program.log_path.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  (our own command lines)
                self.program.command,
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.program.inherit,
                preexec_fn=_die_with_parent(),
            )
        self._started_at = time.monotonic()
        logger.info("action=start child=%s pid=%d", self.program.name, self.process.pid)

    def tend(self) -> None:
        """Notice a death and, when it is time, start the process again; keep its log short."""
        now = time.monotonic()
        if now >= self._log_due_at:
            self._log_due_at = now + LOG_LOOK_SECONDS
            rotate(self.program.log_path)
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            self._sweep()
            if now - self._started_at >= STEADY_SECONDS:
                self._delay_seconds = FIRST_DELAY_SECONDS
                self.deaths = 0
            self.deaths += 1
            logger.warning(
                "action=died child=%s code=%d restart_in_seconds=%.1f",
                self.program.name,
                code,
                self._delay_seconds,
            )
            self.process = None
            self._due_at = now + self._delay_seconds
            self._delay_seconds = min(2 * self._delay_seconds, MAX_DELAY_SECONDS)
            if self.on_death is not None:
                self.on_death()
            if self.on_failing is not None and self.deaths == DEATHS_TO_TELL:
                self.on_failing(self)
        elif self.process is None and now >= self._due_at:
            self.restarts += 1
            self.start()

    @property
    def pid(self) -> int | None:
        """The id of the process while it lives; it is also that of its session."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def terminate(self) -> None:
        """Ask the process to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic), then kill; also whatever it had started itself."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("action=kill child=%s reason=late", self.program.name)
        self._sweep()
        self.process.wait(5)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        try:
            with self.program.log_path.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _sweep(self) -> None:
        """Kill what is left of the process's session: a worker's pool child must not outlive its parent."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
