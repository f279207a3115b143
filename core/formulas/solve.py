"""Giving a formula a wanted value: the error is walked back to the unknowns, each taking an equal share.

With k unknowns, a step takes from each unknown v its share of the error by the slope there:
v -= (value - target) / k / (∂value/∂v). This is Newton's step where there is one unknown.
"""

import numpy as np

from lockstep.core.formulas.search import Search
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.spec import SolveSpec


class Solve(Search):
    """A search for a value. `stop_reason`: "tolerance" where the value is near enough, or "steps_done"."""

    def __init__(self, spec: SolveSpec, checkpoint: Checkpoint | None = None) -> None:
        super().__init__(spec)
        self._target = np.array(spec.target, self.formula.point.dtype)
        self._share = np.array(len(self.formula.point), self.formula.point.dtype)
        self._error = np.zeros_like(self._target)
        self._move = np.zeros_like(self.formula.point)
        if not spec.refresh_gradient:
            self.slopes = self._slopes_of_start()
        if checkpoint is not None:
            self.restore(checkpoint)

    def _slopes_of_start(self) -> np.ndarray:
        with np.errstate(all="ignore"):
            self.formula.compute()
        return self.formula.gradient.copy()

    def move(self) -> None:
        """See Search."""
        np.subtract(self.formula.value, self._target, self._error)
        np.divide(self._error, self._share, self._error)
        np.divide(self._error, self.slopes, self._move)
        np.subtract(self.formula.point, self._move, self.formula.point)

    def obstacle(self) -> str | None:
        """A slope of 0, along which no step reaches the target."""
        if self.slopes.all():
            return None
        flat = [name for name, slope in zip(self.formula.names, self.slopes, strict=True) if slope == 0]
        hint = (
            "start elsewhere"
            if len(flat) == len(self.slopes)
            else "start elsewhere, or leave it out of solve_for"
        )
        return (
            f"expected a derivative other than 0, got 0 with respect to {', '.join(flat)}; "
            f"there {self.formula.place()}: {hint}"
        )

    @property
    def remedy(self) -> str:
        """See Search."""
        return "start nearer to the solution"
