"""Which states of a run are kept because its spec says so: caught at their very steps, written later.

A state that was caught and not written is lost with its attempt, and the next one comes by it again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from lockstep.core.learned import is_finite
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Report
from lockstep.core.run import Run
from lockstep.core.spec.kept import CheckpointRules
from lockstep.service.store import history

VALIDATION_LOSS = "validation_loss"
MAX_HELD_BYTES = 16 * 2**20
"""States that are not written yet; beyond it they are due."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """A state that is to be kept, and why."""

    checkpoint: Checkpoint
    regular: bool = False
    best: bool = False


class Keeping:
    """Catches the states of `run` that `rules` name; without rules none.

    `steps_per_epoch`: None where there are no epochs. `lowest` is the lowest validation loss of the epochs
    that attempts before this one have ended.
    """

    def __init__(
        self,
        rules: CheckpointRules | None,
        run: Run,
        steps_per_epoch: int | None,
        lowest: float = math.inf,
    ) -> None:
        self._run = run
        self._every = None if rules is None else rules.every_steps
        self._epoch = steps_per_epoch if rules is not None and rules.keep_best else None
        self._lowest = lowest
        self._caught: list[Caught] = []

    def at_most(self, steps: int) -> int:
        """Of `steps` steps, those up to the next state that may have to be caught."""
        strides = (every for every in (self._every, self._epoch) if every is not None)
        return min([steps, *(every - self._run.step % every for every in strides)])

    def look(self, report: Report) -> None:
        """Catch the state after a stretch of steps that `at_most` has bounded."""
        step = self._run.step
        if step == report.first_step or report.failure is not None:
            return
        regular = self._every is not None and step % self._every == 0
        best = self._epoch is not None and self._is_best(report)
        if not (regular or best):
            return
        checkpoint = self._run.checkpoint()
        if not is_finite(checkpoint):
            return
        if best:
            demoted = (replace(each, best=False) for each in self._caught)
            self._caught = [each for each in demoted if each.regular]
        self._caught.append(Caught(checkpoint=checkpoint, regular=regular, best=best))

    def _is_best(self, report: Report) -> bool:
        """Whether an epoch has just ended, with a lower validation loss than all before."""
        points = report.series.get(VALIDATION_LOSS)
        if points is None or not len(points.steps) or points.steps[-1] != self._run.step - 1:
            return False
        loss = float(points.values[-1])
        is_lower = loss < self._lowest
        if is_lower:
            self._lowest = loss
        return is_lower

    @property
    def caught(self) -> Sequence[Caught]:
        """What is to be written, by its steps."""
        return self._caught

    @property
    def is_due(self) -> bool:
        """Whether what was caught should be written now."""
        return sum(_bytes_of(each.checkpoint) for each in self._caught) > MAX_HELD_BYTES

    def written(self) -> None:
        """All that was caught is committed."""
        self._caught.clear()


def lowest_loss(tx: Connection, job_id: str, before: int) -> float:
    """The lowest validation loss on record of the steps below `before`; infinity where there is none."""
    found = history.read(tx, job_id, [VALIDATION_LOSS]).series.get(VALIDATION_LOSS)
    if found is None:
        return math.inf
    losses = found.values[found.steps < before].tolist()
    return min((loss for loss in losses if not math.isnan(loss)), default=math.inf)


def _bytes_of(checkpoint: Checkpoint) -> int:
    vectors = (checkpoint.parameters, *checkpoint.optimizer.values(), *checkpoint.best.values())
    return sum(vector.nbytes for vector in vectors)
