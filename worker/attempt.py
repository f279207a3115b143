"""The story of one attempt at a job, from the claim to its last transaction.

    claim -> data, group, run (from the checkpoint, if there is one)
          -> steps, a stride at a time; after each: write what is due, look whether to stop
          -> one transaction: history, weights, result and the new status

An attempt ends in exactly one way: the job is over (succeeded, failed, cancelled), its claim is given back
(paused, drained, its turn over; or the database refuses, which never ends a job), or its claim was lost, and
then nothing more is written (fenced).
"""

import logging
import math
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from lockstep.core.ground.errors import Diverged, DomainError, Interrupted
from lockstep.core.learning.report import Outcome
from lockstep.core.model.encoding import to_safetensors
from lockstep.core.run import Prepared, Run, StartWeights, blank_checkpoint, prepare
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.service.store import claims, endings, specs, weights
from lockstep.service.store.disk import says_disk_full
from lockstep.service.store.endings import Release
from lockstep.service.store.errors import Fenced, ReplayMismatch
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.worker import points
from lockstep.worker.drive import Drive, HangLimits
from lockstep.worker.failures import failure_of
from lockstep.worker.keeping import Keeping, lowest_loss
from lockstep.worker.lease import Lease
from lockstep.worker.pace import CheckpointPace
from lockstep.worker.reporter import Reporter
from lockstep.worker.resuming import Resumed, latest_sound, tell_of_damage
from lockstep.worker.seats import open_group
from lockstep.worker.start import starting_weights
from lockstep.worker.team import Team
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)

HAND_BACK_SECONDS = 600.0
"""How long to try to give back a claim for which the disk has no room."""
RETRY_SECONDS = 0.5


def lead_job(lease: Lease[JobClaim], tools: Tools, draining: Callable[[], bool]) -> None:
    """Lead the job of the lease's claim to an end, or give the claim back once `draining` says so."""
    claim = lease.claim
    logger.info("action=attempt_started job=%s attempt=%s", claim.job_id, claim.attempt)
    try:
        with lease:
            ending = Attempt(lease, tools, draining).run()
    except Fenced as error:
        logger.warning("action=fenced job=%s attempt=%s error=%s", claim.job_id, claim.attempt, error)
        _hand_back(claim, tools, draining)
    else:
        logger.info("action=attempt_ended job=%s attempt=%s ending=%s", claim.job_id, claim.attempt, ending)


def _hand_back(claim: JobClaim, tools: Tools, draining: Callable[[], bool]) -> None:
    """Give back a claim that could not be renewed because the disk is full, as soon as there is room.

    Else its lease's end would count as a lost worker, and three full disks would end the job.
    """
    until = time.monotonic() + HAND_BACK_SECONDS
    while tools.database.shortage() is not None and not draining() and time.monotonic() < until:
        try:
            with tools.database.write() as tx:
                endings.release(claims.lock(tx, claim), endings.DISK_FULL)
        except SQLAlchemyError:
            time.sleep(RETRY_SECONDS)
        except Fenced:
            return
        else:
            logger.info("action=handed_back job=%s attempt=%s", claim.job_id, claim.attempt)
            return


class Attempt:
    """One attempt, run once."""

    def __init__(self, lease: Lease[JobClaim], tools: Tools, draining: Callable[[], bool]) -> None:
        self._lease = lease
        self._claim = lease.claim
        self._tools = tools
        self._draining = draining
        self._reporter: Reporter | None = None
        self._has_stepped = False

    def run(self) -> str:
        """Work on the job; returns in one word how the attempt ended. Raises Fenced."""
        try:
            return self._run_or_fail()
        except SQLAlchemyError as error:
            # A fault of the database is not the job's.
            return self._give_up(error)

    def _run_or_fail(self) -> str:
        try:
            return self._run()
        except (Fenced, SQLAlchemyError):
            raise
        except Exception as error:
            # Whatever it is, the job's owner learns of it, and this worker goes on to the next job.
            return self._fail(error)

    def _run(self) -> str:
        points.STARTED.reach()
        self._claim.require_counts()
        spec = self._lease.read(lambda tx: specs.load(tx, self._claim.job_id)).resolved()
        limits = HangLimits.of(spec, self._tools.settings)
        pulse = self._tools.pulse
        with pulse.at("getting ready", limits.loading):
            prepared = prepare(spec)
        checkpoint = self._resumed(spec).checkpoint
        start = None if checkpoint else self._start(spec)
        with open_group(self._claim, self._tools, self._lease) as (group, team):
            with pulse.at("getting ready", limits.loading):
                run = prepared.start(group, checkpoint, start)
            team.follow(run, spec.shards if isinstance(spec, ResolvedSpec) else 1)
            hurried = self._claim.attempt > 1
            pace = CheckpointPace(self._tools.settings.checkpoint_seconds, hurried=hurried)
            per_epoch = max(run.steps // prepared.epochs, 1) if prepared.epochs else None
            keeping = Keeping(spec.checkpoints, run, per_epoch, self._lowest_loss(spec, run.step))
            self._reporter = Reporter(run, per_epoch, team, pace, keeping)
            drive = Drive(run, pulse, limits, lambda: self._is_to_stop(team))
            points.RESUMED.reach()
            ending = self._take_steps(run, drive, team, self._reporter, keeping)
        return ending or self._succeed(run, drive, prepared, self._reporter)

    def _take_steps(
        self, run: Run, drive: Drive, team: Team, reporter: Reporter, keeping: Keeping
    ) -> str | None:
        """Go on until the run is finished: None. Or end the attempt before that, and return how."""
        while not run.finished:
            report = drive.advance(team.stride_seconds, keeping.at_most)
            steps = report.step - report.first_step
            self._has_stepped = self._has_stepped or steps > 0
            if steps or not report.was_interrupted:
                team.took(steps, drive.seconds)
                reporter.add(report, self._lease.since_claim_seconds)
            if report.failure is not None:
                raise report.failure
            if report.was_interrupted:
                return self._leave_amid_step(reporter)
            if self._lease.asked is not None and (ending := self._leave_if_asked(reporter)):
                return ending
            if self._draining():
                return self._give_back(reporter, endings.DRAINED)
            if self._lease.turn_over:
                return self._give_back(reporter, endings.TURN_OVER)
            if reporter.due:
                reporter.report(self._lease)
            elif self._lease.lost:
                raise Fenced("the lease was not renewed in time")
        return None

    def _is_to_stop(self, team: Team) -> bool:
        """Whether there is a reason to end the attempt amid a long step; else a helper may have to go."""
        # Of a job whose steps take longer than a turn one is done in each all the same.
        turn_over = self._lease.turn_over and self._has_stepped
        if self._lease.asked is not None or self._draining() or turn_over or self._lease.lost:
            return True
        team.look_up()
        return False

    def _leave_amid_step(self, reporter: Reporter) -> str:
        """End the attempt, whatever has come of the reason: a group is over with an interrupted step."""
        if self._lease.asked is not None and (ending := self._leave_if_asked(reporter)):
            return ending
        return self._give_back(reporter, endings.TURN_OVER if self._lease.turn_over else endings.DRAINED)

    def _leave_if_asked(self, reporter: Reporter) -> str | None:
        """End the attempt as the user has asked; None where that was taken back since, so that it goes on."""
        ending = self._lease.write(lambda fence: _leave(fence, reporter) if fence.asked else None)
        if ending is None:
            self._lease.write(lambda _: None, renews=True)
        return ending

    def _succeed(self, run: Run, drive: Drive, prepared: Prepared, reporter: Reporter) -> str:
        try:
            outcome = drive.watched(run.outcome)
        except Interrupted:
            return self._leave_amid_step(reporter)
        points.FINISHED.reach()
        data = to_safetensors(outcome.weights)
        result = result_of(run, outcome) | {"preprocessing": prepared.told}

        def write(fence: JobFence) -> str:
            if not fence.may("succeed"):
                return _leave(fence, reporter)
            reporter.write(fence)
            weights.save(fence, data, prepared.preprocessing.to_json())
            endings.succeed(fence, result)
            return "succeeded"

        return self._lease.write(write)

    def _give_back(self, reporter: Reporter, why: Release) -> str:
        def write(fence: JobFence) -> str:
            reporter.write(fence, with_checkpoint=True)
            endings.release(fence, why)
            return why.reason

        ending = self._lease.write(write)
        points.GIVEN_BACK.reach()
        self._tools.bell.ring("lead", self._claim.job_id)
        return ending

    def _give_up(self, error: SQLAlchemyError) -> str:
        """Give the claim back, and write nothing else; where even that fails, the lease ends by itself."""
        logger.error("action=attempt_given_up job=%s error=%s", self._claim.job_id, error)
        try:
            why = endings.DISK_FULL if says_disk_full(error) else endings.DATABASE_FAILED
            self._lease.write(lambda fence: endings.release(fence, why))
        except SQLAlchemyError as again:
            raise Fenced("the claim could not be given back; it ends with its lease") from again
        return "given_up"

    def _fail(self, error: Exception) -> str:
        failure = failure_of(error)
        log = logger.exception if failure.code == "internal" else logger.info
        log("action=attempt_failed job=%s code=%s error=%s", self._claim.job_id, failure.code, error)
        reporter = None if isinstance(error, ReplayMismatch) else self._reporter
        # A step that is refused for its numbers has moved nothing; any other error may come from within one.
        is_sound = isinstance(error, Diverged | DomainError)

        def write(fence: JobFence) -> str:
            if not fence.may("fail"):
                return _leave(fence, reporter, saves=is_sound)
            if reporter is not None:
                reporter.write(fence, with_checkpoint=is_sound)
            endings.fail(fence, failure)
            return "failed"

        return self._lease.write(write)

    def _resumed(self, spec: AnyResolvedSpec) -> Resumed:
        job_id = self._claim.job_id
        if self._claim.checkpoint_step is None:
            return Resumed(checkpoint=None)
        like = blank_checkpoint(spec)
        resumed = self._lease.read(lambda tx: latest_sound(tx, job_id, like))
        if resumed.damaged:
            self._lease.write(lambda fence: tell_of_damage(fence.tx, job_id, resumed))
        return resumed

    def _start(self, spec: AnyResolvedSpec) -> StartWeights:
        return self._lease.read(lambda tx: starting_weights(tx, self._claim.job_id, spec))

    def _lowest_loss(self, spec: AnyResolvedSpec, step: int) -> float:
        """The lowest validation loss of the epochs before `step`, where somebody wants to know."""
        if step == 0 or spec.checkpoints is None or not spec.checkpoints.keep_best:
            return math.inf
        return self._lease.read(lambda tx: lowest_loss(tx, self._claim.job_id, step))


def result_of(run: Run, outcome: Outcome) -> dict[str, object]:
    """The job's `result`, as the contract has it; `value` and `reached` only where a formula has one."""
    values = {name: array.tolist() for name, array in outcome.weights.items()}
    return {
        "steps": run.step,
        "stop_reason": run.stop_reason,
        "loss": outcome.loss,
        "metrics": {
            **outcome.metrics,
            **{name: table.tolist() for name, table in outcome.tables.items()},
        },
        "parameters": values if outcome.small else None,
        "weights_sha256": outcome.weights_sha256,
        **({} if outcome.value is None else {"value": outcome.value, "reached": outcome.reached}),
    }


def _leave(fence: JobFence, reporter: Reporter | None, *, saves: bool = True) -> str:
    """End the claim as the user has asked; what was learned stays, as the last checkpoint."""
    if reporter is not None:
        reporter.write(fence, with_checkpoint=saves)
    return endings.leave(fence)
