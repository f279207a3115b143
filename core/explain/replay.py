"""A job's state before one of its steps, computed again; and what can be asked of it there.

The arithmetic is deterministic, so nothing of a step need be stored: from the latest checkpoint before it, or
from the spec, a run alone comes to the same bits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockstep.core.explain.sample import SamplePlace, Target, pass_sample
from lockstep.core.explain.walk import walk
from lockstep.core.formulas.minimize import Minimize
from lockstep.core.formulas.search import Search
from lockstep.core.formulas.solve import Solve
from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.interruption import LookUp
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import Report
from lockstep.core.learning.training import Training
from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, SolveSpec


class NotReached(LockstepError):
    """The job ended before the step that was asked for."""


class ReplayRun:
    """A run of `spec` on its way to the state before step `target` (of a search: to point `target`).

    `start` are the weights that the spec says to start from, if it does.
    """

    def __init__(
        self,
        spec: AnyResolvedSpec,
        target: int,
        checkpoint: Checkpoint | None = None,
        start: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._spec = spec
        self._target = target
        self._run: Training | Search
        if isinstance(spec, MinimizeSpec):
            self._run = Minimize(spec, checkpoint)
        elif isinstance(spec, SolveSpec):
            self._run = Solve(spec, checkpoint)
        else:
            self._run = Training(spec, load_dataset(spec), SoloGroup(), checkpoint, start)
        if self._run.step == target and isinstance(self._run, Search):
            self._run.advance(0)

    @property
    def look_up(self) -> LookUp | None:
        """See Run."""
        return self._run.look_up

    @look_up.setter
    def look_up(self, look_up: LookUp | None) -> None:
        self._run.look_up = look_up

    @property
    def step(self) -> int:
        """How far it is."""
        return self._run.step

    @property
    def done(self) -> bool:
        """Whether it is there."""
        return self._run.step == self._target

    def advance(self, steps: int) -> Report:
        """Go on by up to `steps` steps, not beyond the target. Raises NotReached."""
        report = self._run.advance(min(steps, self._target - self._run.step))
        if not self.done and (report.failure is not None or self._run.finished):
            raise NotReached(
                f"expected a step that the job has done, got {self._target}: it ended at {self._run.step}"
            )
        return report

    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of step `target`, averaged over its batch and before clipping, by parameter.

        Raises Interrupted.
        """
        if isinstance(self._run, Training):
            return self._run.gradients()
        formula = self._run.formula
        return {name: np.array(slope) for name, slope in zip(formula.names, formula.gradient, strict=True)}

    def walk(self, sample: int) -> dict[str, Any]:
        """One backward pass of step `target`, for one sample of its batch. Raises InvalidData beyond it."""
        if isinstance(self._run, Search):
            parameters = self._run.formula.parameters
            passed = pass_sample(parameters, SamplePlace(x=np.empty((1, 0), parameters.dtype)))
        else:
            passed = pass_sample(self._run.parameters, self._place(self._run, sample))
        return {"step": self._target, "sample": sample} | walk(passed)

    def _place(self, training: Training, sample: int) -> SamplePlace:
        if isinstance(self._spec, MinimizeSpec | SolveSpec):
            raise TypeError("expected the spec of a training")
        seen = training.seen(sample)
        return SamplePlace(
            x=seen.x,
            row=seen.row,
            step=self._target,
            shard=seen.number,
            seed=self._spec.seed,
            target=Target(y=seen.y[seen.row : seen.row + 1], loss=self._spec.loss),
        )
