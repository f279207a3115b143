"""How a worker answers a question about a step of a job: it computes up to that step again, alone.

It works a stride at a time; between two it looks whether it is needed elsewhere. What is found is compared
with the record: losses must come again bit for bit.
"""

import json
import logging
import math
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from lockstep.core.explain.replay import NotReached, ReplayRun
from lockstep.core.learning.report import Report
from lockstep.core.model.encoding import to_safetensors
from lockstep.core.run import blank_checkpoint
from lockstep.service.store import history, replays, specs
from lockstep.service.store.errors import Fenced, ReplayMismatch
from lockstep.service.store.replays import ReplayClaim
from lockstep.worker import points
from lockstep.worker.drive import Drive, HangLimits
from lockstep.worker.failures import failure_of
from lockstep.worker.lease import Lease
from lockstep.worker.resuming import latest_sound, tell_of_damage
from lockstep.worker.start import starting_weights
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)


class NeededElsewhere(Exception):
    """The worker is stopping, or a job waits that nobody else is free to lead."""


def answer_replay(lease: Lease[ReplayClaim], tools: Tools, draining: Callable[[], bool]) -> bool:
    """Answer the question of the lease's claim, or leave it to somebody else; False for the latter."""
    try:
        with lease:
            return _answer_or_leave(lease, tools, draining)
    except Fenced as error:
        logger.warning("action=replay_fenced replay=%s error=%s", lease.claim.id, error)
    return True


def _answer_or_leave(lease: Lease[ReplayClaim], tools: Tools, draining: Callable[[], bool]) -> bool:
    claim = lease.claim
    try:
        found = _Answering(lease, tools, draining).run()
        points.ANSWERED.reach()
        lease.write(lambda fence: replays.finish(fence, found))
    except Fenced:
        raise
    except (NeededElsewhere, SQLAlchemyError) as reason:
        # A fault of the database is no answer: the question waits for the next worker.
        logger.info("action=replay_left replay=%s reason=%r", claim.id, reason)
        lease.write(replays.release)
        return False
    except Exception as error:
        # Whatever it is, the asker learns of it.
        message = str(error) if isinstance(error, NotReached) else failure_of(error).message
        logger.warning("action=replay_failed replay=%s error=%r", claim.id, error)
        lease.write(lambda fence: replays.fail(fence, message))
    else:
        logger.info("action=replayed job=%s step=%d", claim.asked.job_id, claim.asked.step)
    return True


class _Answering:
    """One try at a question."""

    def __init__(self, lease: Lease[ReplayClaim], tools: Tools, draining: Callable[[], bool]) -> None:
        self._lease = lease
        self._tools = tools
        self._asked = lease.claim.asked
        self._draining = draining

    def run(self) -> bytes:
        """What is found: safetensors for gradients, JSON for a walk. Raises NeededElsewhere and Fenced."""
        asked = self._asked
        stored = self._lease.read(lambda tx: specs.load(tx, asked.job_id))
        spec = stored.resolved()
        like = blank_checkpoint(spec)
        resumed = self._lease.read(lambda tx: latest_sound(tx, asked.job_id, like, asked.step))
        if resumed.damaged:
            # Without the fence: beginning a job again locks the job before its questions, and so does this.
            with self._tools.database.write() as tx:
                tell_of_damage(tx, asked.job_id, resumed)
        start = None
        if resumed.checkpoint is None:
            start = self._lease.read(lambda tx: starting_weights(tx, asked.job_id, spec))
        limits, pulse = HangLimits.of(spec, self._tools.settings), self._tools.pulse
        with pulse.at("getting ready", limits.loading):
            replay = ReplayRun(spec, asked.step, resumed.checkpoint, start)
        drive = Drive(replay, pulse, limits, self._look_up)
        while not replay.done:
            self._compare(drive.advance())
            self._look_up()
        return drive.watched(lambda: self._found(replay))

    def _found(self, replay: ReplayRun) -> bytes:
        if self._asked.question == "gradients":
            return to_safetensors(replay.gradients())
        return json.dumps(replay.walk(self._asked.sample)).encode()

    def _compare(self, report: Report) -> None:
        """Raise ReplayMismatch where the last loss or value of a stride is not the recorded one."""
        name = "loss" if "loss" in report.series else "value"
        points = report.series[name]
        if not len(points.steps):
            return
        step, again = int(points.steps[-1]), float(points.values[-1])
        recorded = self._lease.read(lambda tx: history.at(tx, self._asked.job_id, name, step))
        if recorded is None or recorded == again or (math.isnan(recorded) and math.isnan(again)):
            return
        message = f"the {name} of step {step} was recorded as {recorded!r} and came again as {again!r}"
        raise ReplayMismatch(name, step, message)

    def _look_up(self) -> bool:
        """Stop where the worker is needed elsewhere, or somebody else has the question; amid steps too."""
        if self._draining() or self._lease.jobs_waiting:
            raise NeededElsewhere
        if self._lease.lost:
            raise Fenced("the lease was not renewed in time")
        return False
