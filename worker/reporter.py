"""What an attempt has to tell, kept until it is written: history, progress, events, checkpoints.

A job that ends within its first second writes nothing before its end. Later ones write at most a second after
something happened, always in one transaction with the history up to it.
"""

import time

from lockstep.core.explain.findings import Finding
from lockstep.core.explain.watching import watcher_of
from lockstep.core.learned import is_finite
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Points, Report
from lockstep.core.run import Run
from lockstep.service.store import checkpoints, counted, counters, endings, events, history
from lockstep.service.store.checkpoints import KeptMarks
from lockstep.service.store.endings import Progress
from lockstep.service.store.events import NewEvent
from lockstep.service.store.leases import JobClaim, JobFence
from lockstep.worker.keeping import Keeping
from lockstep.worker.lease import Lease
from lockstep.worker.pace import CheckpointPace
from lockstep.worker.points import REPORTED
from lockstep.worker.team import Team

REPORT_SECONDS = 0.8
"""A stride and the write itself fit into the rest of the second that progress may be old."""


class Reporter:
    """Collects what `run` reports and writes it when it is due; without `steps_per_epoch`, none are counted.

    A state whose weights are no longer finite numbers is not saved: nothing can be learned from it.
    """

    def __init__(
        self, run: Run, steps_per_epoch: int | None, team: Team, pace: CheckpointPace, keeping: Keeping
    ) -> None:
        self._run = run
        self._steps_per_epoch = steps_per_epoch
        self._keeping = keeping
        self._team = team
        self._pace = pace
        # The state of step 0 waits here for the first report: a job that ends before it never needs it.
        self._start: Checkpoint | None = run.checkpoint() if run.step == 0 else None
        self._points: dict[str, list[Points]] = {}
        self._watcher = watcher_of(run)
        self._found: list[Finding] = []
        self._written_at = time.monotonic()
        self._written_step = run.step
        self._first_step_seconds: float | None = None
        self._checkpoint_seconds: list[float] = []

    def add(self, report: Report, since_claim_seconds: float) -> None:
        """Note what some steps have brought, the last of them `since_claim_seconds` after the claim."""
        self._keeping.look(report)
        self._watcher.add(report.series)
        for name, points in report.series.items():
            self._points.setdefault(name, []).append(points)
        if self._first_step_seconds is None:
            self._first_step_seconds = since_claim_seconds

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        is_urgent = self._pace.hurried or self._team.is_urgent or self._keeping.is_due
        return is_urgent or self._is_regular(time.monotonic())

    def _is_regular(self, now: float) -> bool:
        return now - self._written_at >= REPORT_SECONDS

    def report(self, lease: Lease[JobClaim]) -> None:
        """Write what is pending in a transaction of its own, with a checkpoint if one is due."""
        started_at = time.monotonic()
        # What is written only because the seats have changed holds the training up as little as it can.
        saves = self._pace.due(started_at) and (self._pace.hurried or self._is_regular(started_at))
        lease.write(lambda fence: self.write(fence, with_checkpoint=saves), renews=True)
        REPORTED.reach()
        self._points.clear()
        self._team.written()
        self._found.clear()
        self._checkpoint_seconds.clear()
        if self._keeping.caught:
            self._start = None
        self._keeping.written()
        self._written_at = time.monotonic()
        self._written_step = self._run.step
        if saves:
            self._start = None
            self._pace.saved(self._written_at, self._written_at - started_at)
            self._checkpoint_seconds.append(self._written_at - started_at)

    def write(self, fence: JobFence, *, with_checkpoint: bool = False) -> None:
        """Put all that is pending into a fenced transaction; it stays pending, for a transaction may fail."""
        self._team.look()
        self._team.write(fence)
        self._write_findings(fence)
        history.append(fence, {name: Points.joined(points) for name, points in self._points.items()})
        endings.record_progress(fence, self._progress())
        for seconds in self._checkpoint_seconds:
            counters.observe(fence.tx, counted.CHECKPOINT_SECONDS, seconds)
        if self._start is not None and (with_checkpoint or self._keeping.caught):
            checkpoints.save(fence, 0, self._start.to_bytes())
        for caught in self._keeping.caught:
            marks = KeptMarks(regular=caught.regular, best=caught.best)
            checkpoints.save(fence, caught.checkpoint.step, caught.checkpoint.to_bytes(), marks)
        if with_checkpoint and self._run.step > 0:
            state = self._run.checkpoint()
            if is_finite(state):
                checkpoints.save(fence, state.step, state.to_bytes())

    def _write_findings(self, fence: JobFence) -> None:
        """What the series say, once for a job: an earlier attempt, or a transaction whose answer was lost,
        may have told it.
        """
        self._found += self._watcher.new()
        if not self._found:
            return
        told = events.findings(fence.tx, fence.claim.job_id)
        for found in self._found:
            if (found.code, found.layer) not in told:
                data = {"code": found.code, "layer": found.layer, "step": found.step}
                new = NewEvent(type="finding", message=found.message, data=data, level="warning")
                events.append(fence.tx, fence.claim.job_id, new)

    def _progress(self) -> Progress:
        step = self._run.step
        seconds = max(time.monotonic() - self._written_at, 1e-6)
        return Progress(
            step=step,
            epoch=step // self._steps_per_epoch if self._steps_per_epoch else 0,
            members=self._team.world_size,
            most=self._team.most,
            seats=self._team.seats,
            seat_gain=self._team.gain,
            advised=self._team.advised,
            steps_per_second=(step - self._written_step) / seconds,
            first_step_seconds=self._first_step_seconds,
            new_steps=step - self._written_step,
        )
