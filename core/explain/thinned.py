"""The losses of a long training as a few hundred means, of which it is known what they are means of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.core.learning.report import Points

MAX_LOSSES = 200
SMOOTH = 5
"""Means whose median stands for them: itself one of them, so it can be told of which steps."""


@dataclass(frozen=True, kw_only=True)
class Losses(Points):
    """Means of runs of steps: `steps` where each begins, `ends` its last step, `values` the means.

    `lowest_step`, `lowest`: of each run the lowest loss, and where it was.
    """

    ends: np.ndarray
    lowest_step: np.ndarray
    lowest: np.ndarray

    @staticmethod
    def each(points: Points) -> "Losses":
        """Of losses as they were recorded: runs of one step."""
        return Losses(
            steps=points.steps,
            values=points.values,
            ends=points.steps,
            lowest_step=points.steps,
            lowest=points.values,
        )

    @property
    def smooth(self) -> np.ndarray:
        """The running median of SMOOTH means; empty where there are too few."""
        if len(self.values) < SMOOTH:
            return np.empty(0)
        medians: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(self.values, SMOOTH), axis=1)
        return medians

    def told(self, place: int) -> str:
        """The running median at `place`, and of which steps it is: "1.46 (the mean of steps 90 to 94)"."""
        window = self.values[place : place + SMOOTH]
        run = place + int(np.argsort(window, kind="stable")[SMOOTH // 2])
        first, end = int(self.steps[run]), int(self.ends[run])
        of = f"the loss of step {first}" if first == end else f"the mean of steps {first} to {end}"
        return f"{self.values[run]:.3g} ({of})"

    def lowest_told(self) -> str:
        """The lowest loss of all and its step: "0.268 at step 31"."""
        run = int(np.argmin(self.lowest))
        return f"{self.lowest[run]:.3g} at step {int(self.lowest_step[run])}"


class Thinning:
    """Takes in losses as they come, and gives means of runs of `stride` steps; what is left over waits."""

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self._runs: list[Sequence[float]] = []
        self._rest = Points.of([])

    def add(self, points: Points) -> None:
        """Take in the losses of the next steps."""
        rest = Points.joined([self._rest, points])
        whole = len(rest.steps) // self._stride * self._stride
        for start in range(0, whole, self._stride):
            run = slice(start, start + self._stride)
            steps, values = rest.steps[run], rest.values[run]
            low = int(np.argmin(values))
            with np.errstate(all="ignore"):
                mean = float(np.mean(values))
            self._runs.append((steps[0], steps[-1], mean, steps[low], values[low]))
        self._rest = Points(steps=rest.steps[whole:], values=rest.values[whole:])

    def losses(self) -> Losses | None:
        """All whole runs so far; None without any."""
        if not self._runs:
            return None
        first, end, mean, place, lowest = zip(*self._runs, strict=True)
        return Losses(
            steps=np.array(first, dtype=np.int64),
            values=np.array(mean),
            ends=np.array(end, dtype=np.int64),
            lowest_step=np.array(place, dtype=np.int64),
            lowest=np.array(lowest),
        )
