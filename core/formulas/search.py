"""What `minimize` and `solve` share: a point that moves step by step, and a look at each place it comes to.

Point 0 is the start. Every step moves the point and then looks: it computes value and gradient there, records
both, and asks whether the search is over. So a search of n steps records n + 1 points, and one that begins
where it wants to be takes no step.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from lockstep.core.formulas.formula import Formula
from lockstep.core.formulas.goal import goal_met, has_goal
from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.ground.interruption import LookUp
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import GRADIENT, Outcome, Points, Report
from lockstep.core.model.parameters import weights_sha256
from lockstep.core.spec import MinimizeSpec, SolveSpec

VALUE = "value"
STEPS_DONE = "steps_done"
SearchFailure = Diverged | DomainError


class Search(ABC):
    """One search, from the start unless it is restored; a `Run`.

    `step` counts the moves done, `steps` is the most that can come. `stop_reason` is None while it goes on.
    Nobody is asked by `look_up`: no step takes long.
    """

    def __init__(self, spec: MinimizeSpec | SolveSpec) -> None:
        self.spec = spec
        self.formula = Formula(spec.formula, spec.start, spec.unknowns, np.dtype(spec.dtype))
        self.steps = spec.steps
        self.look_up: LookUp | None = None
        self.step = 0
        self.stop_reason: str | None = None
        # The gradient that a step goes by, recorded at each point.
        self.slopes = self.formula.gradient
        self._param = f"/{'objective' if isinstance(spec, MinimizeSpec) else 'expression'}"
        self._has_looked = False
        self._notes: dict[str, list[tuple[int, float]]] = {}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from there; called before the first look."""
        self.step = checkpoint.step
        self.stop_reason = checkpoint.stop_reason
        self.formula.point[:] = checkpoint.parameters
        for name, vector in self.state.items():
            vector[...] = checkpoint.optimizer[name]
        with np.errstate(all="ignore"):
            self.formula.compute()

    @property
    def state(self) -> Mapping[str, np.ndarray]:
        """What a step remembers beside the point, to be saved and restored in place."""
        return {}

    @property
    def finished(self) -> bool:
        return self.stop_reason is not None

    @abstractmethod
    def move(self) -> None:
        """Move the point, by the value and the slopes there."""

    def note(self, series: str, value: float) -> None:
        """Record a number of the step that starts at this point."""
        self._notes.setdefault(series, []).append((self.step, value))

    def obstacle(self) -> str | None:
        """Why no step can be taken from this point, though numbers are finite."""
        return None

    @property
    @abstractmethod
    def remedy(self) -> str:
        """What to do where numbers grow beyond all bounds."""

    @property
    def param(self) -> str:
        """The part of the spec at fault then."""
        return "/start"

    def advance(self, steps: int) -> Report:
        """Take up to `steps` steps, fewer where the search ends or fails before."""
        first = self.step
        self._notes.clear()
        rows = np.empty((min(steps, self.steps - first) + 1, 1 + 2 * len(self.formula.point)))
        seen = 0
        failure: SearchFailure | None = None
        with np.errstate(all="ignore"):
            if not self._has_looked:
                failure = self._look(rows[0])
                self._has_looked, seen = True, 1
            while self.step < first + steps and not self.finished and failure is None:
                self.move()
                self.step += 1
                failure = self._look(rows[seen])
                seen += 1
        return Report(first_step=first, step=self.step, series=self._series(rows[:seen]), failure=failure)

    def _series(self, rows: np.ndarray) -> dict[str, Points]:
        """The points that end with the present one, and what was noted on the way."""
        names = (VALUE, *self.formula.names, *(f"{GRADIENT}{name}" for name in self.formula.names))
        steps = np.arange(self.step - len(rows) + 1, self.step + 1)
        series = {name: Points(steps=steps, values=rows[:, place].copy()) for place, name in enumerate(names)}
        return series | {name: Points.of(pairs) for name, pairs in self._notes.items()}

    def _look(self, row: np.ndarray) -> SearchFailure | None:
        """Compute and record this point, and set `stop_reason`; returns what has gone wrong here."""
        self.formula.compute()
        size = len(self.formula.point)
        row[0] = self.formula.value
        row[1 : 1 + size] = self.formula.point
        row[1 + size :] = self.slopes
        if not np.isfinite(row).all():
            return self._failure()
        reason = goal_met(self.spec, float(self.formula.value), self.formula.gradient)
        self.stop_reason = reason or (STEPS_DONE if self.step == self.steps else None)
        obstacle = None if self.finished else self.obstacle()
        return None if obstacle is None else self._domain_error(obstacle)

    def _failure(self) -> SearchFailure:
        """Why value, point or gradient is not finite."""
        bad = self.formula.bad_node()
        if bad is not None and bad.outside_domain:
            return self._domain_error(
                f"{bad.description}; there {self.formula.place(bad.name)}: {self.remedy}"
            )
        cause = f" ({bad.description})" if bad is not None else ""
        what = f"expected finite numbers, got {float(self.formula.value):g} at step {self.step}{cause}"
        return Diverged(f"{what}: {self.remedy}", self.param)

    def _domain_error(self, message: str) -> DomainError:
        return DomainError(f"step {self.step}: {message}", self._param)

    def checkpoint(self) -> Checkpoint:
        """The state after `step` moves, as copies."""
        return Checkpoint(
            step=self.step,
            parameters=self.formula.point.copy(),
            buffers={},
            optimizer={name: vector.copy() for name, vector in self.state.items()},
            stop_reason=self.stop_reason,
        )

    def outcome(self) -> Outcome:
        """Every name's number at the end, and what the formula gives there."""
        numbers = self.formula.all_numbers()
        return Outcome(
            loss=None,
            value=float(self.formula.value),
            reached=self.stop_reason != STEPS_DONE if has_goal(self.spec) else None,
            metrics={},
            weights=numbers,
            weights_sha256=weights_sha256(numbers),
        )
