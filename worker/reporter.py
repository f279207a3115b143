"""What an attempt has to tell, kept until it is written: history, progress, events, checkpoints.

A job that ends within its first second writes nothing before its end. Later ones write at most a second after
something happened, always in one transaction with the history up to it.
"""

import time
from collections import deque
from collections.abc import Mapping

import numpy as np

from core.checkpoint import Checkpoint
from core.group import Group
from core.report import Points, Report
from core.training import Training
from service.store import checkpoints, endings, events, history
from service.store.endings import Progress
from service.store.events import NewEvent
from service.store.leases import Fence
from worker.lease import Lease
from worker.pace import CheckpointPace

REPORT_SECONDS = 0.8
"""A stride and the write itself fit into the rest of the second that progress may be old."""

Happening = tuple[str, Mapping[str, str | int]]


class Reporter:
    """Collects what `training` reports and writes it when it is due.

    `happened` is filled by the group: a kind of event and its data.
    """

    def __init__(
        self, training: Training, epochs: int, group: Group, happened: deque[Happening], pace: CheckpointPace
    ) -> None:
        self._training = training
        self._steps_per_epoch = max(training.steps // epochs, 1)
        self._group = group
        self._happened = happened
        self._pace = pace
        # The state of step 0 waits here for the first report: a job that ends before it never needs it.
        self._start: Checkpoint | None = training.checkpoint() if training.step == 0 else None
        self._points: dict[str, list[Points]] = {}
        self._written_at = time.monotonic()
        self._written_step = training.step
        self._first_step_seconds: float | None = None

    def add(self, report: Report, since_claim_seconds: float) -> None:
        """Note what some steps have brought, the last of them `since_claim_seconds` after the claim."""
        for name, points in report.series.items():
            self._points.setdefault(name, []).append(points)
        if self._first_step_seconds is None:
            self._first_step_seconds = since_claim_seconds

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._pace.hurried or time.monotonic() - self._written_at >= REPORT_SECONDS

    def report(self, lease: Lease) -> None:
        """Write what is pending in a transaction of its own, with a checkpoint if one is due."""
        started_at = time.monotonic()
        saves = self._pace.due(started_at)
        lease.write(lambda fence: self.write(fence, with_checkpoint=saves), renews=True)
        self._points.clear()
        self._happened.clear()
        self._written_at = time.monotonic()
        self._written_step = self._training.step
        if saves:
            self._start = None
            self._pace.saved(self._written_at, self._written_at - started_at)

    def write(self, fence: Fence, *, with_checkpoint: bool = False) -> None:
        """Put all that is pending into a fenced transaction; it stays pending, for a transaction may fail."""
        for kind, data in tuple(self._happened):
            message = kind.replace("_", " ")
            events.append(fence.tx, fence.claim.job_id, NewEvent(type=kind, message=message, data=data))
        history.append(fence, {name: _joined(points) for name, points in self._points.items()})
        endings.record_progress(fence, self._progress())
        if with_checkpoint:
            if self._start is not None:
                checkpoints.save(fence, 0, self._start.to_bytes())
            if self._training.step > 0:
                checkpoints.save(fence, self._training.step, self._training.checkpoint().to_bytes())

    def _progress(self) -> Progress:
        step = self._training.step
        seconds = max(time.monotonic() - self._written_at, 1e-6)
        return Progress(
            step=step,
            epoch=step // self._steps_per_epoch,
            members=self._group.world_size,
            steps_per_second=(step - self._written_step) / seconds,
            first_step_seconds=self._first_step_seconds,
        )


def _joined(points: list[Points]) -> Points:
    if len(points) == 1:
        return points[0]
    return Points(
        steps=np.concatenate([each.steps for each in points]),
        values=np.concatenate([each.values for each in points]),
    )
