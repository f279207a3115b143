"""The worker's row in the table of workers: for the eye only, no decision of safety hangs on it."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from lockstep.service.store import workers
from lockstep.service.store.workers import State, WorkerState
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How old a change of state may be in the table."""


class Presence:
    """Writes what the worker is doing when that changes, and every `renew_seconds` that it still lives."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._doing: tuple[State, str | None] = ("idle", None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="lockstep-presence", daemon=True)

    def start(self) -> None:
        """Start writing; the first time at once."""
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether the worker leads, helps or replays."""
        return self._doing[0] != "idle"

    @contextlib.contextmanager
    def busy(self, state: State, job_id: str) -> Iterator[None]:
        """Within it the worker is `state` for `job_id`, afterwards idle."""
        self._doing = (state, job_id)
        try:
            yield
        finally:
            self._doing = ("idle", None)

    def leave(self) -> None:
        """Stop writing and take the row away."""
        self._stop.set()
        self._thread.join()
        try:
            with self._tools.database.write() as tx:
                workers.remove(tx, self._tools.worker.worker_id)
        except Exception as error:
            logger.warning("action=leave_failed error=%s: the row will age", error)

    def _keep_writing(self) -> None:
        written: tuple[State, str | None] | None = None
        looks = 0
        while True:
            doing = self._doing
            if doing != written or looks * LOOK_SECONDS >= self._tools.settings.renew_seconds:
                written, looks = (doing if self._write(*doing) else None), 0
            looks += 1
            if self._stop.wait(LOOK_SECONDS):
                return

    def _write(self, state: State, job_id: str | None) -> bool:
        worker = self._tools.worker
        row = WorkerState(
            worker_id=worker.worker_id,
            host=worker.host,
            pid=worker.pid,
            state=state,
            job_id=job_id,
            fingerprint=worker.fingerprint,
        )
        try:
            with self._tools.database.write() as tx:
                workers.heartbeat(tx, row)
        except Exception as error:
            # A heartbeat that fails is a heartbeat missed, no more.
            logger.debug("action=heartbeat_failed error=%s", error)
            return False
        return True
