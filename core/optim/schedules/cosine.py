"""Rates along cosines, also the one cycle's."""

import math
from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, Switch, Whole
from lockstep.core.optim.schedules.base import Count, CountedSchedule, Rate, ScheduleSpec


class CosineSchedule(CountedSchedule):
    """eta_min + (r - eta_min) (1 + cos(π t / t_max)) / 2, as CosineAnnealingLR.

    It rises again after t_max.
    """

    aliases = ("cosine_annealing", "cosine_annealing_lr")

    type: Literal["cosine"]
    t_max: Count | None = None
    """the epoch (or step) of the lowest rate; all that the job has if not given"""
    eta_min: Rate = 0.0
    """the lowest rate"""

    def rate(self, base: float, length: int, t: int) -> float:
        """See ScheduleSpec."""
        return half_cosine(base, self.eta_min, t / (self.t_max or length))


class CosineRestartsSchedule(CountedSchedule):
    """Half a cosine from r down to eta_min, then again from r, as CosineAnnealingWarmRestarts."""

    aliases = ("cosine_annealing_warm_restarts",)

    type: Literal["cosine_restarts"]
    t_0: Count
    """how many epochs (or steps) go by until the first restart"""
    t_mult: Annotated[int, Whole(ge=1, le=1000)] = 1
    """how many times longer each period is than the one before"""
    eta_min: Rate = 0.0
    """the lowest rate"""

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec."""
        period = self.t_0
        if self.t_mult == 1:
            t %= period
        while t >= period:
            t -= period
            period *= self.t_mult
        return half_cosine(base, self.eta_min, t / period)


class OneCycleSchedule(ScheduleSpec):
    """From peak / div_factor up to the peak, then down far below, over all steps of the job, as OneCycleLR.

    The momentum is left as it is (cycle_momentum=False).
    """

    aliases = ("one_cycle_lr",)

    type: Literal["one_cycle"]
    max_learning_rate: Annotated[Real, Field(gt=0, le=1e6)] | None = None
    """the peak; the optimizer's learning_rate if not given"""
    pct_start: Annotated[Real, Field(ge=0, le=1)] = 0.3
    """the part of the steps that leads up to the peak"""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """along which curve the rate goes"""
    div_factor: Annotated[Real, Field(gt=0, le=1e12)] = 25.0
    """by what the peak is divided at the beginning"""
    final_div_factor: Annotated[Real, Field(gt=0, le=1e12)] = 1e4
    """by what the beginning is divided at the end"""
    three_phase: Switch = False
    """whether the way down stops over at the beginning's rate, as long as the way up took"""

    def rate(self, base: float, length: int, t: int) -> float:
        """See ScheduleSpec."""
        peak = self.max_learning_rate or base
        start = peak / self.div_factor
        up = self.pct_start * length - 1.0
        phases = [(up, start, peak)]
        if self.three_phase:
            phases.append((2.0 * self.pct_start * length - 2.0, peak, start))
        phases.append((length - 1.0, phases[-1][2], start / self.final_div_factor))
        phase = next((index for index, (end, _, _) in enumerate(phases) if t <= end), len(phases) - 1)
        began = phases[phase - 1][0] if phase else 0.0
        end, before, after = phases[phase]
        part = (t - began) / (end - began) if end != began else 1.0
        if self.anneal_strategy == "cos":
            return half_cosine(before, after, part)
        return before + (after - before) * part


def half_cosine(first: float, last: float, part: float) -> float:
    """From `first`, at part 0, to `last`, at part 1."""
    return last + (first - last) * (1.0 + math.cos(math.pi * part)) / 2.0
