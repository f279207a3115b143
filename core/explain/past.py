"""What is remembered of a search while it goes on: its first and its last points, and the extremes between.

In bounded memory, however many points there are.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lockstep.core.explain.extremes import Extremes, Marks
from lockstep.core.explain.findings import Series
from lockstep.core.formulas.goal import goal_met
from lockstep.core.formulas.search import VALUE
from lockstep.core.learning.report import GRADIENT, Points
from lockstep.core.spec import MinimizeSpec, SolveSpec

KEPT = 80
"""The last points that are kept."""
ROUNDING = 64
"""Moves of at most this many units in the last place count as none."""
RESTING = 32
"""Points without a move that are no chance."""


@dataclass(frozen=True, kw_only=True)
class PointRows:
    """Points that follow one another: `steps` and `values` (n,), `points` and `slopes` (n, unknowns)."""

    steps: np.ndarray
    values: np.ndarray
    points: np.ndarray
    slopes: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def part(self, where: slice) -> "PointRows":
        """Some of them."""
        return PointRows(
            steps=self.steps[where],
            values=self.values[where],
            points=self.points[where],
            slopes=self.slopes[where],
        )

    def then(self, later: "PointRows") -> "PointRows":
        """With those that follow."""
        return PointRows(
            steps=np.concatenate([self.steps, later.steps]),
            values=np.concatenate([self.values, later.values]),
            points=np.concatenate([self.points, later.points]),
            slopes=np.concatenate([self.slopes, later.slopes]),
        )

    @cached_property
    def reach(self) -> np.ndarray:
        """The largest magnitude of each unknown (unknowns,)."""
        largest: np.ndarray = np.abs(self.points).max(axis=0)
        return largest

    @cached_property
    def norms(self) -> np.ndarray:
        """The length of the gradient at each point (n,)."""
        norms: np.ndarray = np.sqrt(np.square(self.slopes).sum(axis=1))
        return norms

    @cached_property
    def spread(self) -> np.ndarray:
        """How far apart the extremes of each unknown are (unknowns,)."""
        spread: np.ndarray = np.ptp(self.points, axis=0)
        return spread


class Past:
    """A search as far as it has come: `spec`'s, from the first point that was seen.

    `misses` are the extremes of what the search should make small: the distance from the target of `solve`,
    the value of `minimize`. `norms` are those of the gradient's length, where a stop rule looks at it.
    """

    def __init__(self, spec: MinimizeSpec | SolveSpec) -> None:
        self.spec = spec
        self.names = tuple(sorted(spec.unknowns))
        self.start = np.array([spec.start[name] for name in self.names], np.dtype(spec.dtype)).astype(float)
        self.rounding = ROUNDING * float(np.finfo(spec.dtype).eps)
        self.misses = Extremes()
        self.norms = Extremes()
        self.first: PointRows | None = None
        self.last = _rows(Points.of([]), np.empty((0, len(self.names))), np.empty((0, len(self.names))))

    def add(self, series: Series) -> None:
        """Take in what some steps have brought, up to the first point with a number that is not finite."""
        value = series[VALUE]
        points = np.stack([series[name].values for name in self.names], axis=1)
        slopes = np.stack([series[f"{GRADIENT}{name}"].values for name in self.names], axis=1)
        sound = np.isfinite(value.values) & np.isfinite(points).all(axis=1) & np.isfinite(slopes).all(axis=1)
        end = len(sound) if sound.all() else int(np.argmin(sound))
        rows = _rows(value, points, slopes).part(slice(end))
        if not len(rows):
            return
        if self.first is None:
            self.first = rows.part(slice(1))
        self.misses.add(Marks(steps=rows.steps, keys=self.missed(rows.values), values=rows.values))
        if self.norm_below is not None:
            self.norms.add(Marks(steps=rows.steps, keys=rows.norms, values=rows.norms))
        self.last = self.last.then(rows.part(slice(-KEPT, None))).part(slice(-KEPT, None))

    def missed(self, values: np.ndarray) -> np.ndarray:
        """What should become small, of values (n,)."""
        return np.abs(values - self.spec.target) if isinstance(self.spec, SolveSpec) else values

    @property
    def norm_below(self) -> float | None:
        """The length of the gradient that the search is content with, if it looks at that."""
        return None if isinstance(self.spec, SolveSpec) else self.spec.stop.gradient_norm_below

    @property
    def rests(self) -> bool:
        """Whether no unknown has moved for RESTING points, but for its rounding."""
        rows = self.last.part(slice(-RESTING, None))
        return len(rows) == RESTING and bool(np.all(rows.spread <= self.rounding * rows.reach))

    @property
    def is_met(self) -> bool:
        """Whether the search is where it wants to be."""
        return goal_met(self.spec, float(self.last.values[-1]), self.last.slopes[-1]) is not None


def _rows(value: Points, points: np.ndarray, slopes: np.ndarray) -> PointRows:
    return PointRows(steps=value.steps, values=value.values, points=points, slopes=slopes)
