"""The learning rate of each step: a pure function of the step's number, in float64.

Names, defaults and arithmetic are those of torch.optim.lr_scheduler. A schedule that follows losses also
remembers something: a PlateauState, which checkpoints carry.
"""

from typing import TYPE_CHECKING

from lockstep.core.ground.words import Vocabulary, chosen_by_type, name_of
from lockstep.core.optim.schedules.base import ScheduleSpec
from lockstep.core.optim.schedules.cosine import CosineRestartsSchedule, CosineSchedule, OneCycleSchedule
from lockstep.core.optim.schedules.decay import (
    ConstantSchedule,
    ExponentialSchedule,
    LinearSchedule,
    MultiStepSchedule,
    StepSchedule,
)
from lockstep.core.optim.schedules.plateau import PlateauState, ReduceOnPlateauSchedule

__all__ = ["SCHEDULES", "SCHEDULE_TAG", "AnySchedule", "PlateauState", "Schedule", "ScheduleSpec"]

NEEDS = {"rate": "the rate at each step", "__doc__": "what people are told of it"}
SCHEDULES: Vocabulary[type[ScheduleSpec]] = Vocabulary(
    "schedule",
    NEEDS,
    (
        (name_of(kind), kind)
        for kind in (
            ConstantSchedule,
            StepSchedule,
            MultiStepSchedule,
            ExponentialSchedule,
            CosineSchedule,
            CosineRestartsSchedule,
            LinearSchedule,
            OneCycleSchedule,
            ReduceOnPlateauSchedule,
        )
    ),
)
SCHEDULE_TAG = "<schedule {}>"

if TYPE_CHECKING:
    AnySchedule = ScheduleSpec
else:
    AnySchedule = chosen_by_type(SCHEDULES, SCHEDULE_TAG, error="schedule_type", expected="a schedule")


class Schedule:
    """The schedule of a job of `steps` steps whose optimizer's learning rate is `learning_rate`.

    `plateau` is None except for reduce_on_plateau; a checkpoint's takes its place.
    """

    def __init__(
        self, spec: ScheduleSpec, learning_rate: float, *, steps: int, steps_per_epoch: int = 1
    ) -> None:
        self._spec = spec
        self._base = learning_rate
        self._per = steps_per_epoch if spec.counts_epochs else 1
        self._length = -(-steps // self._per)
        self.plateau = PlateauState(rate=learning_rate) if spec.follows_losses else None

    def rate(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        base = self.plateau.rate if self.plateau else self._base
        rate = self._spec.rate(base, self._length, step // self._per)
        if step >= self._spec.warmup_steps:
            return rate
        first = self._spec.warmup_start_factor
        part: float = first + (1.0 - first) * step / self._spec.warmup_steps
        return rate * part

    def end_epoch(self, loss: float) -> None:
        """Take note of an epoch's loss."""
        if self.plateau is not None and isinstance(self._spec, ReduceOnPlateauSchedule):
            self.plateau = self.plateau.after_epoch(self._spec, loss)
