"""Making a formula small: its names follow the gradient, as an optimizer says."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lockstep.core.formulas.search import Search
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.optim.schedules import Schedule
from lockstep.core.spec import MinimizeSpec

LEARNING_RATE = "learning_rate"
"""The series of what a schedule sets, at the steps that start from there."""


class Minimize(Search):
    """A search for a small value. `stop_reason`: "steps_done", "value_below" or "gradient_norm_below".

    To a schedule, each step is an epoch too, and the value that it comes to is the epoch's loss.
    """

    def __init__(self, spec: MinimizeSpec, checkpoint: Checkpoint | None = None) -> None:
        super().__init__(spec)
        rate = spec.optimizer.learning_rate
        self._schedule = Schedule(spec.schedule, rate, steps=spec.steps) if spec.schedule else None
        self._optimizer = spec.optimizer.build(self.formula.parameters.flat)
        if checkpoint is not None:
            self.restore(checkpoint)

    @property
    def state(self) -> Mapping[str, np.ndarray]:
        """The optimizer's."""
        return self._optimizer.state

    def move(self) -> None:
        """See Search."""
        if self._schedule:
            self._follow(self._schedule)
        self._optimizer.step(self.step, self.formula.gradient)

    def _follow(self, schedule: Schedule) -> None:
        """Set the learning rate of the next step, and note it."""
        if self.step:
            # Not where the point is looked at: that comes again after a resume.
            schedule.end_epoch(float(self.formula.value))
        rate = schedule.rate(self.step)
        self._optimizer.set_learning_rate(rate)
        self.note(LEARNING_RATE, rate)

    @property
    def remedy(self) -> str:
        """See Search."""
        return "lower optimizer.learning_rate, or start elsewhere"

    @property
    def param(self) -> str:
        """See Search."""
        return "/optimizer/learning_rate"

    def checkpoint(self) -> Checkpoint:
        """See Search; with the schedule's memory."""
        return replace(super().checkpoint(), plateau=self._schedule.plateau if self._schedule else None)

    def restore(self, checkpoint: Checkpoint) -> None:
        """See Search."""
        super().restore(checkpoint)
        if self._schedule:
            self._schedule.plateau = checkpoint.plateau
