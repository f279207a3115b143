"""The learning rate of each step: a pure function of the step's number, in float64.

reduce_on_plateau alone also remembers something: a PlateauState, which checkpoints carry.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from lockstep.core.optim.schedule_spec import (
    AnySchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    ExponentialSchedule,
    LinearSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    ReduceOnPlateauSchedule,
    StepSchedule,
)


@dataclass(frozen=True, kw_only=True)
class PlateauState:
    """What reduce_on_plateau remembers: rate, lowest loss so far, epochs borne, epochs still not counted."""

    rate: float
    best: float = math.inf
    bad_epochs: int = 0
    cooldown: int = 0

    def after_epoch(self, spec: ReduceOnPlateauSchedule, loss: float) -> "PlateauState":
        """As torch.optim.lr_scheduler.ReduceLROnPlateau.step(loss) with mode "min"."""
        needed = (
            self.best * (1.0 - spec.threshold) if spec.threshold_mode == "rel" else self.best - spec.threshold
        )
        better = loss < needed
        after = replace(
            self,
            best=loss if better else self.best,
            bad_epochs=0 if better or self.cooldown else self.bad_epochs + 1,
            cooldown=max(0, self.cooldown - 1),
        )
        return after._reduced(spec) if after.bad_epochs > spec.patience else after

    def _reduced(self, spec: ReduceOnPlateauSchedule) -> "PlateauState":
        rate = max(self.rate * spec.factor, spec.min_learning_rate)
        rate = rate if self.rate - rate > spec.eps else self.rate
        return replace(self, rate=rate, bad_epochs=0, cooldown=spec.cooldown)


class Schedule:
    """The schedule of a job of `steps` steps whose optimizer's learning rate is `learning_rate`.

    `plateau` is None except for reduce_on_plateau; a checkpoint's takes its place.
    """

    def __init__(
        self, spec: AnySchedule, learning_rate: float, *, steps: int, steps_per_epoch: int = 1
    ) -> None:
        self._spec = spec
        self.plateau: PlateauState | None = None
        if isinstance(spec, ReduceOnPlateauSchedule):
            self.plateau = PlateauState(rate=learning_rate)
        self._per = steps_per_epoch if getattr(spec, "per", "step") == "epoch" else 1
        self._rate_at: Callable[[int], float] = partial(
            _FORMULAS.get(spec.type, _constant), spec, learning_rate, -(-steps // self._per)
        )

    def rate(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        rate = self.plateau.rate if self.plateau else self._rate_at(step // self._per)
        if step >= self._spec.warmup_steps:
            return rate
        first = self._spec.warmup_start_factor
        part: float = first + (1.0 - first) * step / self._spec.warmup_steps
        return rate * part

    def end_epoch(self, loss: float) -> None:
        """Take note of an epoch's loss."""
        if self.plateau is not None and isinstance(self._spec, ReduceOnPlateauSchedule):
            self.plateau = self.plateau.after_epoch(self._spec, loss)


# Each formula gets the spec, the optimizer's rate, how much time the job has, and the time t, in its unit.


def _constant(_: object, rate: float, __: int, ___: int) -> float:
    return rate


def _step(spec: StepSchedule, rate: float, _: int, t: int) -> float:
    return rate * _power(spec.gamma, t // spec.step_size)


def _multi_step(spec: MultiStepSchedule, rate: float, _: int, t: int) -> float:
    return rate * _power(spec.gamma, sum(milestone <= t for milestone in spec.milestones))


def _exponential(spec: ExponentialSchedule, rate: float, _: int, t: int) -> float:
    return rate * _power(spec.gamma, t)


def _cosine(spec: CosineSchedule, rate: float, length: int, t: int) -> float:
    return _half_cosine(rate, spec.eta_min, t / (spec.t_max or length))


def _cosine_restarts(spec: CosineRestartsSchedule, rate: float, _: int, t: int) -> float:
    period = spec.t_0
    if spec.t_mult == 1:
        t %= period
    while t >= period:
        t -= period
        period *= spec.t_mult
    return _half_cosine(rate, spec.eta_min, t / period)


def _linear(spec: LinearSchedule, rate: float, _: int, t: int) -> float:
    part = min(t, spec.total_iters) / spec.total_iters
    return rate * (spec.start_factor + (spec.end_factor - spec.start_factor) * part)


def _one_cycle(spec: OneCycleSchedule, rate: float, length: int, t: int) -> float:
    peak = spec.max_learning_rate or rate
    start = peak / spec.div_factor
    up = spec.pct_start * length - 1.0
    phases = [(up, start, peak)]
    if spec.three_phase:
        phases.append((2.0 * spec.pct_start * length - 2.0, peak, start))
    phases.append((length - 1.0, phases[-1][2], start / spec.final_div_factor))
    phase = next((index for index, (end, _, _) in enumerate(phases) if t <= end), len(phases) - 1)
    began = phases[phase - 1][0] if phase else 0.0
    end, before, after = phases[phase]
    part = (t - began) / (end - began) if end != began else 1.0
    if spec.anneal_strategy == "cos":
        return _half_cosine(before, after, part)
    return before + (after - before) * part


def _half_cosine(first: float, last: float, part: float) -> float:
    return last + (first - last) * (1.0 + math.cos(math.pi * part)) / 2.0


def _power(gamma: float, exponent: int) -> float:
    """gamma^exponent; infinite beyond the largest number."""
    try:
        return math.pow(gamma, exponent)
    except OverflowError:
        return math.inf


_FORMULAS: Mapping[str, Callable[[Any, float, int, int], float]] = MappingProxyType(
    {
        "step": _step,
        "multi_step": _multi_step,
        "exponential": _exponential,
        "cosine": _cosine,
        "cosine_restarts": _cosine_restarts,
        "linear": _linear,
        "one_cycle": _one_cycle,
    }
)
