"""What training tells its driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lockstep.core.ground.errors import Diverged, DomainError

GRADIENT = "grad."
"""The series of a gradient are called so, with the name of the parameter or unknown behind."""
SMALL_RESULT = 1000
"""Up to this many numbers the learned parameters are shown in the job itself."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Some values of one series: `steps` (k,) int64 ascending, `values` (k,) float64."""

    steps: np.ndarray
    values: np.ndarray

    @staticmethod
    def of(pairs: Sequence[tuple[int, float]]) -> "Points":
        """From (step, value) pairs."""
        return Points(
            steps=np.array([step for step, _ in pairs], dtype=np.int64),
            values=np.array([value for _, value in pairs]),
        )

    def before(self, step: int) -> "Points":
        """Those of earlier steps."""
        count = int(np.searchsorted(self.steps, step))
        return Points(steps=self.steps[:count], values=self.values[:count])

    @staticmethod
    def joined(parts: Sequence["Points"]) -> "Points":
        """Points that follow one another, in one."""
        if len(parts) == 1:
            return parts[0]
        return Points(
            steps=np.concatenate([part.steps for part in parts]),
            values=np.concatenate([part.values for part in parts]),
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the steps from `first_step` up to, not including, `step` have brought.

    `failure` says why training can't go on; the series then end with the loss that showed it. Where it
    `was_interrupted`, step `step` was begun and has had no effect.
    """

    first_step: int
    step: int
    series: Mapping[str, Points]
    failure: Diverged | DomainError | None = None
    was_interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished job learned.

    `loss` is that of a training's last step, before its update; None for jobs that have no loss. `value` is
    what their formula gives at the end, `reached` whether that is what they wanted, None where they wanted
    nothing. `metrics` are single numbers such as test_accuracy, `tables` those with a number for each
    class, such as test_confusion_matrix (classes, classes).
    """

    loss: float | None
    value: float | None = None
    reached: bool | None = None
    metrics: Mapping[str, float]
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights: Mapping[str, np.ndarray]
    weights_sha256: str

    @property
    def small(self) -> bool:
        """Whether the weights are few enough to be shown as numbers."""
        return sum(array.size for array in self.weights.values()) <= SMALL_RESULT
