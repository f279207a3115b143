"""How a worker takes the steps of a run: a stride at a time, watched, and heard amid the long ones."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Protocol, TypeVar

from lockstep.core.ground.errors import Interrupted
from lockstep.core.ground.failpoints import Failpoint
from lockstep.core.ground.interruption import LookUp
from lockstep.core.learning.report import Report
from lockstep.core.spec import AnyResolvedSpec
from lockstep.core.submission.duration import longest
from lockstep.service.settings import Settings
from lockstep.worker.pace import STRIDE_SECONDS, Stride
from lockstep.worker.pulse import Pulse
from lockstep.worker.seats import timeouts

T = TypeVar("T")

LOOK_SECONDS = 0.2
"""How often it is asked, amid steps, whether to stop."""
SLOWER_STEP = 20
"""A step that takes so many times the usual one's time hangs, if that is long enough at all."""
REMEMBERED = 31

BEGINS = Failpoint("worker: a stride begins")
AMID = Failpoint("worker: amid a step")


class Driven(Protocol):
    """What has steps to take: a Run, or a replay of one."""

    look_up: LookUp | None

    def advance(self, steps: int) -> Report:
        """See Run."""


@dataclass(frozen=True, kw_only=True)
class HangLimits:
    """How long there may be no sign of life, in seconds: while the data is made ready, and amid steps."""

    loading: float
    step: float

    @classmethod
    def of(cls, spec: AnyResolvedSpec, settings: Settings) -> "HangLimits":
        """Those of a job. A member of a group may wait for others as long as the settings allow."""
        least = settings.hung_seconds
        if spec.most_workers > 1:
            least = max(least, 2 * timeouts(settings.step_timeout_seconds).lead_seconds)
        by_size = longest(spec)
        return cls(loading=max(least, by_size.loading), step=max(least, by_size.step))


class Drive:
    """Takes the steps of one run. `wanted` says whether it is to stop, and may raise what is to pass through.

    `seconds` is how long the last stride took.
    """

    def __init__(self, run: Driven, pulse: Pulse, limits: HangLimits, wanted: Callable[[], bool]) -> None:
        self._run = run
        self._pulse = pulse
        self._limits = limits
        self._wanted = wanted
        self._stride = Stride()
        self._step_seconds: deque[float] = deque(maxlen=REMEMBERED)
        self._looks_at = 0.0
        self.seconds = 0.0
        run.look_up = self._look_up

    def advance(
        self, fitting_seconds: float = STRIDE_SECONDS, at_most: Callable[[int], int] = lambda steps: steps
    ) -> Report:
        """Take some steps; the next ones are to take `fitting_seconds`. `at_most`: see Keeping."""
        began = time.monotonic()
        report = self.watched(lambda: self._run.advance(at_most(self._stride.steps)))
        self.seconds = time.monotonic() - began
        steps = report.step - report.first_step
        self._stride.took(steps, self.seconds, fitting_seconds)
        if steps:
            self._step_seconds.append(self.seconds / steps)
        return report

    def watched(self, work: Callable[[], T]) -> T:
        """Do something that takes no longer than steps, or looks up. Raises Interrupted."""
        self._looks_at = time.monotonic() + LOOK_SECONDS
        with self._pulse.at("steps", self._limit_seconds):
            BEGINS.reach()
            return work()

    @property
    def _limit_seconds(self) -> float:
        usual = median(self._step_seconds) if self._step_seconds else 0.0
        return max(self._limits.step, SLOWER_STEP * usual)

    def _look_up(self) -> None:
        self._pulse.beat()
        AMID.reach()
        now = time.monotonic()
        if now >= self._looks_at:
            self._looks_at = now + LOOK_SECONDS
            if self._wanted():
                raise Interrupted("the run is to stop amid a step")
