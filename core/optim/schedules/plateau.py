"""The rate that falls once the loss stops falling, and what it remembers."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, Whole
from lockstep.core.optim.schedules.base import MAX_COUNT, Rate, ScheduleSpec


class ReduceOnPlateauSchedule(ScheduleSpec):
    """The rate is multiplied by `factor` once the loss stops falling, as ReduceLROnPlateau.

    At the end of each epoch it looks at the validation loss, without one at the epoch's mean training loss.
    """

    follows_losses: ClassVar[bool] = True
    aliases = ("plateau", "reduce_lr_on_plateau")

    type: Literal["reduce_on_plateau"]
    factor: Annotated[Real, Field(gt=0, lt=1)] = 0.1
    """the factor"""
    patience: Annotated[int, Whole(ge=0, le=MAX_COUNT)] = 10
    """how many epochs to wait for a better loss; the next one reduces the rate"""
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

    def rate(self, base: float, length: int, t: int) -> float:  # noqa: ARG002
        """See ScheduleSpec; the rate in use is that of a PlateauState."""
        return base


@dataclass(frozen=True, kw_only=True)
class PlateauState:
    """What reduce_on_plateau remembers: its rate, and the lowest loss so far.

    `bad_epochs` is how many epochs have gone by without a better one, `cooldown` how many more do not count.
    """

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
