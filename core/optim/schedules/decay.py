"""Rates that fall or rise along powers and lines."""

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lockstep.core.ground.fields import Real, refuse
from lockstep.core.optim.schedules.base import Count, CountedSchedule, ScheduleSpec, Share

MAX_MILESTONES = 1000

Gamma = Annotated[Real, Field(gt=0, le=10)]


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    for index, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            message = f"expected milestones that grow, got {after} after {before}; sort them, each once"
            refuse("not_ascending", message, f"/{index}")
    return values


class ConstantSchedule(ScheduleSpec):
    """r throughout; with warmup_steps, after them."""

    type: Literal["constant"]

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        return base


class StepSchedule(CountedSchedule):
    """r gamma^⌊t / step_size⌋, as StepLR."""

    aliases = ("step_lr",)

    type: Literal["step"]
    step_size: Count
    """after how many epochs (or steps) the rate is multiplied by gamma, again and again"""
    gamma: Gamma = 0.1
    """the factor"""

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        return base * power(self.gamma, t // self.step_size)


class MultiStepSchedule(CountedSchedule):
    """r gamma^(number of milestones not above t), as MultiStepLR."""

    aliases = ("multi_step_lr",)

    type: Literal["multi_step"]
    milestones: Annotated[
        tuple[Count, ...], Field(min_length=1, max_length=MAX_MILESTONES), AfterValidator(_ascending)
    ]
    """the epochs (or steps), counted from 0, from which on the rate is multiplied by gamma once more"""
    gamma: Gamma = 0.1
    """the factor"""

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        return base * power(self.gamma, sum(milestone <= t for milestone in self.milestones))


class ExponentialSchedule(CountedSchedule):
    """r gamma^t, as ExponentialLR."""

    aliases = ("exponential_lr",)

    type: Literal["exponential"]
    gamma: Gamma
    """the factor"""

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        return base * power(self.gamma, t)


class LinearSchedule(CountedSchedule):
    """r (start_factor + (end_factor - start_factor) min(t, total_iters) / total_iters), as LinearLR."""

    aliases = ("linear_lr",)

    type: Literal["linear"]
    start_factor: Share = 1 / 3
    """the part of r at the beginning"""
    end_factor: Annotated[Real, Field(ge=0, le=1)] = 1.0
    """the part of r from total_iters on"""
    total_iters: Count = 5
    """how many epochs (or steps) lead from one to the other"""

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        part = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


def power(gamma: float, exponent: int) -> float:
    """gamma^exponent; infinite beyond the largest number."""
    try:
        return math.pow(gamma, exponent)
    except OverflowError:
        return math.inf
