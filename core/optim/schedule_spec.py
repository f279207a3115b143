"""Schedules of the learning rate. Names, defaults and arithmetic are those of torch.optim.lr_scheduler.

A schedule counts t from 0, in epochs or in steps as its `per` says: at t the rate is what the scheduler has
set after t calls of its step(). r is the optimizer's learning_rate.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from lockstep.core.ground.fields import Real, SpecModel, Switch, Whole, refuse

MAX_COUNT = 100_000_000
MAX_MILESTONES = 1000

Count = Annotated[int, Whole(ge=1, le=MAX_COUNT)]
Unit = Literal["epoch", "step"]
Gamma = Annotated[Real, Field(gt=0, le=10)]
Rate = Annotated[Real, Field(ge=0, le=1e6)]
Share = Annotated[Real, Field(gt=0, le=1)]


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    for index, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            message = f"expected milestones that grow, got {after} after {before}; sort them, each once"
            refuse("not_ascending", message, f"/{index}")
    return values


class _Schedule(SpecModel):
    type: str
    warmup_steps: Annotated[int, Whole(ge=0, le=MAX_COUNT)] = 0
    """so many first steps lead up: step s is taken at f + (1 - f) s / warmup_steps of the rate"""
    warmup_start_factor: Share = 1 / 3
    """f, the part of the rate that the first step is taken at"""


class _Counted(_Schedule):
    per: Unit = "epoch"
    """what t counts, and with it the numbers below: epochs or steps"""


class ConstantSchedule(_Schedule):
    """r throughout; with warmup_steps, after them."""

    type: Literal["constant"]


class StepSchedule(_Counted):
    """r gamma^⌊t / step_size⌋, as StepLR."""

    type: Literal["step"]
    step_size: Count
    """after how many epochs (or steps) the rate is multiplied by gamma, again and again"""
    gamma: Gamma = 0.1
    """the factor"""


class MultiStepSchedule(_Counted):
    """r gamma^(number of milestones not above t), as MultiStepLR."""

    type: Literal["multi_step"]
    milestones: Annotated[
        tuple[Count, ...], Field(min_length=1, max_length=MAX_MILESTONES), AfterValidator(_ascending)
    ]
    """the epochs (or steps), counted from 0, from which on the rate is multiplied by gamma once more"""
    gamma: Gamma = 0.1
    """the factor"""


class ExponentialSchedule(_Counted):
    """r gamma^t, as ExponentialLR."""

    type: Literal["exponential"]
    gamma: Gamma
    """the factor"""


class CosineSchedule(_Counted):
    """eta_min + (r - eta_min) (1 + cos(π t / t_max)) / 2, as CosineAnnealingLR.

    It rises again after t_max.
    """

    type: Literal["cosine"]
    t_max: Count | None = None
    """the epoch (or step) of the lowest rate; all that the job has if not given"""
    eta_min: Rate = 0.0
    """the lowest rate"""


class CosineRestartsSchedule(_Counted):
    """Half a cosine from r down to eta_min, then again from r, as CosineAnnealingWarmRestarts."""

    type: Literal["cosine_restarts"]
    t_0: Count
    """how many epochs (or steps) go by until the first restart"""
    t_mult: Annotated[int, Whole(ge=1, le=1000)] = 1
    """how many times longer each period is than the one before"""
    eta_min: Rate = 0.0
    """the lowest rate"""


class LinearSchedule(_Counted):
    """r (start_factor + (end_factor - start_factor) min(t, total_iters) / total_iters), as LinearLR."""

    type: Literal["linear"]
    start_factor: Share = 1 / 3
    """the part of r at the beginning"""
    end_factor: Annotated[Real, Field(ge=0, le=1)] = 1.0
    """the part of r from total_iters on"""
    total_iters: Count = 5
    """how many epochs (or steps) lead from one to the other"""


class OneCycleSchedule(_Schedule):
    """From peak / div_factor up to the peak, then down far below, over all steps of the job, as OneCycleLR.

    The momentum is left as it is (cycle_momentum=False).
    """

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


class ReduceOnPlateauSchedule(_Schedule):
    """The rate is multiplied by `factor` once the loss stops falling, as ReduceLROnPlateau.

    At the end of each epoch it looks at the validation loss, without one at the epoch's mean training loss.
    """

    type: Literal["reduce_on_plateau"]
    factor: Annotated[Real, Field(gt=0, lt=1)] = 0.1
    """the factor"""
    patience: Annotated[int, Whole(ge=0, le=MAX_COUNT)] = 10
    """how many epochs without a better loss are borne; the next one reduces the rate"""
    threshold: Annotated[Real, Field(ge=0, le=1e6)] = 1e-4
    """how much lower than the best so far a loss must be to count as better"""
    threshold_mode: Literal["rel", "abs"] = "rel"
    """"rel": lower than best * (1 - threshold); "abs": lower than best - threshold"""
    cooldown: Annotated[int, Whole(ge=0, le=MAX_COUNT)] = 0
    """how many epochs after a reduction are not counted"""
    min_learning_rate: Rate = 0.0
    """the lowest rate"""
    eps: Rate = 1e-8
    """a reduction by no more than this is left out"""


AnySchedule = (
    ConstantSchedule
    | StepSchedule
    | MultiStepSchedule
    | ExponentialSchedule
    | CosineSchedule
    | CosineRestartsSchedule
    | LinearSchedule
    | OneCycleSchedule
    | ReduceOnPlateauSchedule
)
SCHEDULE_TYPES: dict[str, type[AnySchedule]] = {
    "constant": ConstantSchedule,
    "step": StepSchedule,
    "multi_step": MultiStepSchedule,
    "exponential": ExponentialSchedule,
    "cosine": CosineSchedule,
    "cosine_restarts": CosineRestartsSchedule,
    "linear": LinearSchedule,
    "one_cycle": OneCycleSchedule,
    "reduce_on_plateau": ReduceOnPlateauSchedule,
}


def _kind_of_schedule(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<schedule {name}>" if isinstance(name, str) and name in SCHEDULE_TYPES else None


Schedule = Annotated[
    Annotated[ConstantSchedule, Tag("<schedule constant>")]
    | Annotated[StepSchedule, Tag("<schedule step>")]
    | Annotated[MultiStepSchedule, Tag("<schedule multi_step>")]
    | Annotated[ExponentialSchedule, Tag("<schedule exponential>")]
    | Annotated[CosineSchedule, Tag("<schedule cosine>")]
    | Annotated[CosineRestartsSchedule, Tag("<schedule cosine_restarts>")]
    | Annotated[LinearSchedule, Tag("<schedule linear>")]
    | Annotated[OneCycleSchedule, Tag("<schedule one_cycle>")]
    | Annotated[ReduceOnPlateauSchedule, Tag("<schedule reduce_on_plateau>")],
    Discriminator(
        _kind_of_schedule, custom_error_type="schedule_type", custom_error_message="expected a schedule"
    ),
]
