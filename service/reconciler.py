"""The clock-driven repair of what a crash or a lost message left behind.

Safe in any number of processes at once: each statement is conditional, and a doubled ring is harmless.
"""

import logging
import threading
from typing import Protocol

from lockstep.service import points
from lockstep.service.background import Background
from lockstep.service.bell import Bell
from lockstep.service.store import deadlines, evictions, fingerprints, outdated, rings, uncompared
from lockstep.service.store.database import Database
from lockstep.service.store.resting import REST_SECONDS

logger = logging.getLogger(__name__)

MAX_RINGS_PER_TICK = 100


class Chore(Protocol):
    """Something to be done now and then; it knows itself when."""

    def step(self) -> None:
        """Do a little of it, if it is due. Raises what the database raises."""


class Reconciler(Background):
    """A thread that evicts attempts whose lease ran out and rings for jobs that wait, every `every_seconds`.

    Jobs past a limit of their own fail. `host_rest_seconds`: see store/resting.py.
    Queued jobs that an older arithmetic began are made to begin again; they say so where no worker is there.
    Those that verify others end where no worker can compare.
    `chores` go with an API process: workers are many.

    It outlives outages of the database: the first failure is logged, the ticks go on, and so is the recovery.
    """

    def __init__(
        self,
        database: Database,
        bell: Bell,
        every_seconds: float,
        *chores: Chore,
        host_rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._database = database
        self._bell = bell
        self._every_seconds = every_seconds
        self._chores = chores
        self._host_rest_seconds = host_rest_seconds
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="lockstep-reconciler", daemon=True)

    def start(self) -> None:
        """Start ticking; the first tick comes at once."""
        self._thread.start()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Stop after the tick in progress."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    def tick(self) -> None:
        """Do it once: evict, end what took too long, renew what older rules began, say where no worker is.

        Then ring, and do the chores.
        Raises what the database raises.
        """
        with self._database.write() as tx:
            # While there is no room nobody can renew: who lives gives its claim back once there is some.
            has_room = self._database.shortage() is None
            evicted = evictions.evict_expired(tx, self._host_rest_seconds) if has_room else []
            expired = deadlines.expire(tx)
            renewed = outdated.begin_again(tx)
            fingerprints.mark_no_worker(tx)
            ended = uncompared.settle(tx)
            due = rings.due_rings(tx, MAX_RINGS_PER_TICK)
            rings.rung(tx, due)
        points.TICKED.reach()
        for job_id in evicted:
            logger.warning("action=evicted job=%s reason=lease_expired", job_id)
        for job_id in expired:
            logger.warning("action=expired job=%s reason=deadline_exceeded", job_id)
        for job_id in renewed:
            logger.warning("action=began_again job=%s reason=older_arithmetic", job_id)
        for job_id in ended:
            logger.warning("action=not_comparable job=%s", job_id)
        for job_id in due:
            self._bell.ring("lead", job_id)
        for chore in self._chores:
            chore.step()

    def _run(self) -> None:
        while True:
            try:
                self.tick()
            except Exception as error:
                # The database may be away for minutes; this thread is what repairs things afterwards.
                if not self._failing:
                    logger.error("action=reconcile_failed error=%s: trying again", error)
                self._failing = True
            else:
                if self._failing:
                    logger.info("action=reconcile_recovered")
                self._failing = False
            if self._stop.wait(self._every_seconds):
                return
