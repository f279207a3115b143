"""What the schedules of a spec share.

A schedule counts t from 0, in epochs or in steps as its `per` says: at t the rate is what the scheduler of
torch.optim.lr_scheduler has set after t calls of its step(). r is the optimizer's learning_rate.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, SpecModel, Whole

MAX_COUNT = 100_000_000

Count = Annotated[int, Whole(ge=1, le=MAX_COUNT)]
Unit = Literal["epoch", "step"]
Rate = Annotated[Real, Field(ge=0, le=1e6)]
Share = Annotated[Real, Field(gt=0, le=1)]


class ScheduleSpec(SpecModel):
    """The settings of one schedule.

    `follows_losses`: whether its rate depends on the losses of epochs. `aliases`: what other systems call it.
    """

    follows_losses: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = ()

    type: str
    warmup_steps: Annotated[int, Whole(ge=0, le=MAX_COUNT)] = 0
    """how many first steps lead up: step s is taken at f + (1 - f) s / warmup_steps of the rate"""
    warmup_start_factor: Share = 1 / 3
    """f, the part of the rate that the first step is taken at"""

    @property
    def counts_epochs(self) -> bool:
        """Whether t counts epochs; else steps."""
        return False

    @abstractmethod
    def rate(self, base: float, length: int, t: int) -> float:
        """The learning rate at `t` of a job that has `length` such units; `base` is the optimizer's."""


class CountedSchedule(ScheduleSpec):
    """A schedule whose user says what it counts."""

    per: Unit = "epoch"
    """what t counts, and with it the numbers below: epochs or steps"""

    @property
    def counts_epochs(self) -> bool:
        """See ScheduleSpec."""
        return self.per == "epoch"
