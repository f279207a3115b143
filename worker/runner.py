"""The one thread of a pool child that trains. Bells and its own look at the store lead to the same place."""

import gc
import logging
import queue
import threading
import time
from collections import deque

from lockstep.service.bell import TaskName
from lockstep.service.store import leases, replays, seats
from lockstep.service.store.errors import Damaged
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.replays import ReplayClaim
from lockstep.worker.attempt import lead_job
from lockstep.worker.helping import help_job
from lockstep.worker.lease import Lease
from lockstep.worker.presence import Presence
from lockstep.worker.replaying import answer_replay
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)

ANSWER_CHECK_SECONDS = 1.0
MAX_PASSED_OVER = 100


class Bell:
    """One heard ring: `answered` is set when the runner has nothing more to do."""

    def __init__(self) -> None:
        self.answered = threading.Event()


class Runner(threading.Thread):
    """Leads and helps, whatever the store asks for, until it is drained.

    A ring wakes it; without one it looks for itself every `poll_seconds`, so a worker that the broker has
    forgotten loses nothing.
    """

    def __init__(self, tools: Tools) -> None:
        super().__init__(name="lockstep-runner", daemon=True)
        self._tools = tools
        self._presence = Presence(tools)
        # SimpleQueue, because `drain` may run in a signal handler on a thread that is inside `put`.
        self._bells: queue.SimpleQueue[Bell | None] = queue.SimpleQueue()
        self._failing = False
        self._short = False
        # Jobs whose spec can't be read (any more): their leads go on alone, and helpers go elsewhere.
        self._passed_over: deque[str] = deque(maxlen=MAX_PASSED_OVER)
        self.draining = False

    def answer(self, task: TaskName, job_id: str) -> None:
        """Called by a Celery task: wake the runner and wait until it finds nothing more to do.

        A runner that is busy with what it found by itself passes the ring on, for an idle worker to hear, and
        keeps Celery's slot: so it can't take another ring, and rings don't go in circles.
        """
        if self._presence.is_busy:
            self._tools.bell.ring(task, job_id)
        bell = Bell()
        self._bells.put(bell)
        while self.is_alive() and not bell.answered.wait(ANSWER_CHECK_SECONDS):
            pass

    def drain(self) -> None:
        """Finish the step, save, let go, and end the thread. Takes no lock: a signal handler may call it."""
        self.draining = True
        self._bells.put(None)

    def run(self) -> None:
        """See Thread."""
        self._presence.start()
        heard: list[Bell] = []
        while not self.draining:
            self._work_until_idle()
            _answer(heard)
            if not self.draining:
                heard = self._listen(self._tools.settings.poll_seconds)
        _answer(heard + self._listen(0.0))
        self._presence.leave()

    def _listen(self, seconds: float) -> list[Bell]:
        """Wait for a ring, for this many seconds at most; returns all that have come."""
        heard: list[Bell] = []
        try:
            bell = self._bells.get(timeout=seconds)
            while True:
                if bell is not None:
                    heard.append(bell)
                bell = self._bells.get_nowait()
        except queue.Empty:
            return heard

    def _work_until_idle(self) -> None:
        try:
            while not self.draining and self._work_once():
                self._failing = False
                gc.collect()  # plans and groups hold arrays in circles: tens of MB for a model of 5
        except Exception:
            # The thread must live on: the store may be away, and the next look may find it back.
            if not self._failing:
                logger.exception("action=look_failed worker=%s: trying again", self._tools.worker.worker_id)
            self._failing = True
        else:
            if self._failing:
                logger.info("action=look_recovered worker=%s", self._tools.worker.worker_id)
            self._failing = False

    def _work_once(self) -> bool:
        """Lead the job that comes next, else answer a question, else help; False for nothing to do."""
        asked_at = time.monotonic()
        claim, question = self._claim_next()
        if claim is not None:
            with self._presence.busy("leading", claim.job_id):
                lead_job(Lease(claim, self._tools, asked_at), self._tools, lambda: self.draining)
            return True
        if question is not None:
            with self._presence.busy("replaying", question.asked.job_id):
                answer_replay(Lease(question, self._tools, asked_at), self._tools, lambda: self.draining)
            return True
        with self._tools.database.read() as tx:
            seat = seats.find_seat(tx, self._tools.worker, self._passed_over)
        if seat is None:
            return False
        try:
            with self._presence.busy("helping", seat.job_id):
                return help_job(seat, self._tools, lambda: self.draining)
        except Damaged as error:
            logger.warning("action=passed_over job=%s error=%s", seat.job_id, error)
            self._passed_over.append(seat.job_id)
            return True

    def _claim_next(self) -> tuple[JobClaim | None, ReplayClaim | None]:
        """A claim on a job, else on a question; on none while what would come of it could not be stored."""
        shortage = self._tools.database.shortage()
        if (shortage is not None) != self._short:
            self._short = shortage is not None
            logger.warning("action=%s", f"no_room reason={shortage}" if shortage else "room_again")
        if shortage is not None:
            return None, None
        settings, worker = self._tools.settings, self._tools.worker
        with self._tools.database.write() as tx:
            claim = leases.claim_next(tx, worker, settings.lease_seconds, settings.turn_seconds)
            return claim, None if claim else replays.claim_next(tx, worker, settings.lease_seconds)


def _answer(bells: list[Bell]) -> None:
    for bell in bells:
        bell.answered.set()
