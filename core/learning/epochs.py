"""What follows each update: the epoch's loss, the evaluations at its end, and whether the training is over.

The loss of an epoch is that of all its rows as one batch, each taken at the weights of its step: the sums
of the batches' losses before their division are added, and divided by what the whole epoch's are (rows,
elements, or the weights of the targets that count). A mean of the batches' means would weigh a short batch,
or one whose targets are mostly ignored, like a full one. A penalty enters as its mean over the epoch's rows.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lockstep.core.engine.step import StepWork
from lockstep.core.group import Group
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.evaluation import EvaluationWork
from lockstep.core.learning.stopping import BestWeights, EarlyStopping
from lockstep.core.optim.schedules import Schedule
from lockstep.core.spec import ResolvedSpec

Pairs = dict[str, list[tuple[int, float]]]
"""Series on their way: (step, value) by name."""


class Epochs:
    """Looks at each step of one training once its update is done; what it remembers goes into checkpoints.

    `evaluations`: the work of each part of the data, by name. `schedule` is told the loss of each epoch.
    """

    def __init__(
        self,
        spec: ResolvedSpec,
        work: StepWork,
        evaluations: Mapping[str, EvaluationWork],
        best: BestWeights,
        schedule: Schedule | None,
    ) -> None:
        self._work = work
        self._evaluations = evaluations
        self._schedule = schedule
        self._steps_per_epoch = work.steps_per_epoch
        self.stopping = EarlyStopping(spec.stop, spec.epochs * work.steps_per_epoch, work.steps_per_epoch)
        self._denominator = work.denominators.of_all
        self._per_row = self._denominator / work.training_rows
        self._losses = 0.0
        self._best = best
        self._evaluated = tuple(self._parts_of_each_epoch())

    def _parts_of_each_epoch(self) -> Iterator[str]:
        if "validation" in self._evaluations:
            yield "validation"
        if self.stopping.goal_of == "train":
            yield "train"

    def evaluates_after(self, step: int) -> bool:
        """Whether the group is needed again after the update of `step`."""
        return bool(self._evaluated) and self._ends_with(step)

    @property
    def is_long(self) -> bool:
        """Whether the evaluations at the end of an epoch are, so that they may be interrupted."""
        return any(self._evaluations[part].is_long for part in self._evaluated)

    def after_step(self, step: int, price: float, series: Pairs, group: Group) -> None:
        """Look at a step with a penalty of `price`; add to `series` what its epoch's end brings."""
        work, goal_of = self._work, self.stopping.goal_of
        self._losses += work.losses + price * work.rows * self._per_row
        looked_at = work.loss + price if goal_of == "step" and work.counts else math.nan
        if self._ends_with(step):
            losses = self._end_epoch(step, price, series, group)
            if goal_of in losses:
                looked_at = losses[goal_of]
        self.stopping.judge(step, looked_at)

    def _ends_with(self, step: int) -> bool:
        return (step + 1) % self._steps_per_epoch == 0

    def _end_epoch(self, step: int, price: float, series: Pairs, group: Group) -> Mapping[str | None, float]:
        """Evaluate together with the group, and tell the rules; gives the epoch's losses by name."""
        losses: dict[str | None, float] = {"epoch": self._finish_loss(price)}
        if self._steps_per_epoch > 1:
            series.setdefault("epoch_loss", []).append((step, losses["epoch"]))
        for part in self._evaluated:
            metrics = self._evaluations[part].metrics(group, admits=part == self._evaluated[-1])
            losses[part] = metrics["loss"]
            for name, value in metrics.items():
                series.setdefault(f"{part}_{name}", []).append((step, value))
        watched = losses.get("validation", losses["epoch"])
        if self._schedule:
            self._schedule.end_epoch(watched)
        if self.stopping.end_epoch(watched):
            self._best.keep()
        return losses

    def _finish_loss(self, price: float) -> float:
        """The epoch's loss, NaN where none of its targets count; the next epoch begins."""
        losses, self._losses = self._losses, 0.0
        if self._steps_per_epoch == 1:
            return self._work.loss + price
        return losses / self._denominator if self._denominator else math.nan

    def save(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with this in it."""
        return replace(
            checkpoint,
            stop=self.stopping.state,
            stop_reason=self.stopping.reason,
            epoch_loss=self._losses,
            best=self._best.arrays,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from there."""
        self.stopping.state, self.stopping.reason = checkpoint.stop, checkpoint.stop_reason
        self._losses, self._best.arrays = checkpoint.epoch_loss, checkpoint.best


def schedule_of(spec: ResolvedSpec, steps: int, steps_per_epoch: int) -> Schedule | None:
    """What sets the learning rate of a training of so many steps at most, if anything does."""
    if spec.schedule is None:
        return None
    rate = spec.optimizer.learning_rate
    return Schedule(spec.schedule, rate, steps=steps, steps_per_epoch=steps_per_epoch)
