"""The gradient of a submitted model and loss against differences of the loss itself, in float64.

For an element w of a parameter the gradient g is compared with (loss(w + h) - loss(w - h)) / 2h on a few rows
of the job's own data. The error of that quotient is of order h² and ε loss / h. Where the two one-sided
quotients go on to disagree however small h is, the loss has a kink (a relu at 0): there is no derivative to
compare with, and the element counts as one at a kink as long as g lies between the two.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from lockstep.core.data.batches import Batches
from lockstep.core.data.dataset import Dataset, Part
from lockstep.core.data.tokens import require_tokens
from lockstep.core.engine.step import StepData, StepWork
from lockstep.core.ground.random import generator
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.losses import LossSpec, weight_by_row
from lockstep.core.model.build import build_graph, initial_weights
from lockstep.core.model.graph import Parameter
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.penalty import WeightPenalty
from lockstep.core.spec import ResolvedSpec

MAX_ROWS = 8
MAX_ELEMENTS = 24
"""Elements looked at of each parameter: half those of the largest gradient, half by chance."""
TOLERANCE = 1e-5
STEP = 1e-6
MIN_SCALE = 1e-3
"""Gradients are compared down to this share of the loss times TOLERANCE: rounding hides the rest."""
KINK = 1e-3
"""One-sided quotients that differ by more, in proportion, want a second look."""


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element compared: `index` in the parameter's shape, `difference` the quotient of the loss."""

    index: tuple[int, ...]
    gradient: float
    difference: float
    relative_error: float
    at_kink: bool

    @property
    def passed(self) -> bool:
        """Whether the two agree, or can't be compared."""
        return self.at_kink or self.relative_error <= TOLERANCE


@dataclass(frozen=True, kw_only=True)
class ParameterCheck:
    """One parameter: `worst` is the element with the largest error that lies at no kink.

    `passed`: whether some element that lies at no kink was compared, and every one agrees.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    at_kinks: tuple[Element, ...]
    worst: Element | None
    passed: bool


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """All parameters; `complete` is False where time ran out before all chosen elements were compared.

    A loss that is not finite has no differences: nothing is compared then.
    """

    loss: float
    rows: int
    parameters: tuple[ParameterCheck, ...]
    complete: bool

    @property
    def passed(self) -> bool:
        """Whether each parameter was looked at, and every comparison agrees."""
        return bool(self.parameters) and all(each.passed for each in self.parameters)


def check_gradients(spec: ResolvedSpec, out_of_time: Callable[[], bool]) -> GradientCheck:
    """Check a job before it is made. Raises InvalidData where model and data do not fit."""
    spec = spec.model_copy(update={"dtype": "float64", "shards": 1, "batch_size": "full", "accumulate": 1})
    return _Check(spec, load_dataset(spec)).run(out_of_time)


class _Check:
    """The first rows of the training data as one batch, and the loss as a function of the flat parameters."""

    def __init__(self, spec: ResolvedSpec, dataset: Dataset) -> None:
        graph = build_graph(spec.model, dataset.columns)
        require_tokens(graph, dataset.train.x)
        self._parameters = Parameters(graph, np.dtype(np.float64))
        self._parameters.initialize(spec.seed, initial_weights(spec.model))
        part = _few(dataset.train, spec.loss)
        self.rows = part.rows
        batches = Batches(part.rows, "full", shuffle=False, seed=spec.seed)
        self._work = StepWork(spec, graph, self._parameters, StepData(part, batches))
        self._penalty = WeightPenalty(spec.penalty, self._parameters) if spec.penalty else None
        self._group = SoloGroup()
        self._seed = spec.seed
        self.loss = self._loss()
        self._gradient = self._work.gradient.copy()

    def run(self, out_of_time: Callable[[], bool]) -> GradientCheck:
        """One element of each parameter after another, so that all of them have their turn."""
        graph = self._parameters.graph
        waiting = [self._elements(parameter, start) for parameter, start in _starts(graph.parameters)]
        if not np.isfinite(self.loss):
            waiting = [[] for _ in waiting]
        found: list[list[Element]] = [[] for _ in waiting]
        complete = True
        for turn in range(MAX_ELEMENTS):
            for places, elements, parameter in zip(waiting, found, graph.parameters, strict=True):
                if turn >= len(places) or not complete:
                    continue
                elements.append(self._compare(parameter, *places[turn]))
                complete = not out_of_time()
        return GradientCheck(
            loss=self.loss,
            rows=self.rows,
            parameters=tuple(
                _summary(parameter, elements)
                for parameter, elements in zip(graph.parameters, found, strict=True)
            ),
            complete=complete,
        )

    def _elements(self, parameter: Parameter, start: int) -> list[tuple[int, int]]:
        """The elements to look at: (place in the parameter as stored, place in the flat vector)."""
        own = np.abs(self._gradient[start : start + parameter.size])
        largest = np.argsort(-own, kind="stable")[: MAX_ELEMENTS // 2]
        by_chance = generator(self._seed, "gradcheck", parameter.name).permutation(parameter.size)
        chosen = dict.fromkeys([*largest.tolist(), *by_chance[:MAX_ELEMENTS].tolist()])
        return [(place, start + place) for place in list(chosen)[:MAX_ELEMENTS]]

    def _compare(self, parameter: Parameter, place: int, at: int) -> Element:
        gradient = float(self._gradient[at])
        tries = [self._slopes(at, STEP)]
        best, kink = self._error(gradient, tries[0]), False
        if best > TOLERANCE or tries[0].jump > KINK * self._scale(gradient, tries[0].central):
            tries += [self._slopes(at, STEP / 10), self._slopes(at, STEP * 10)]
            kink = tries[1].jump > max(
                tries[0].jump / 2, KINK * self._scale(gradient, tries[1].central)
            ) and tries[1].holds(gradient, self._scale(gradient, tries[1].central) * KINK)
        errors = [self._error(gradient, each) for each in tries]
        best = int(np.argmin(errors))
        index = np.unravel_index(place, parameter.stored)
        return Element(
            index=tuple(int(each) for each in (index[::-1] if parameter.transposed else index)),
            gradient=gradient,
            difference=tries[best].central,
            relative_error=errors[best],
            at_kink=kink,
        )

    def _slopes(self, at: int, step: float) -> "_Slopes":
        """The loss's quotients at one element, to the right, to the left and over both."""
        flat = self._parameters.flat
        start = float(flat[at])
        flat[at] = right_end = start + step * max(1.0, abs(start))
        above = self._loss()
        flat[at] = left_end = start - step * max(1.0, abs(start))
        below = self._loss()
        flat[at] = start
        return _Slopes(
            right=(above - self.loss) / (right_end - start),
            left=(self.loss - below) / (start - left_end),
            central=(above - below) / (right_end - left_end),
        )

    def _error(self, gradient: float, slopes: "_Slopes") -> float:
        error = abs(gradient - slopes.central) / self._scale(gradient, slopes.central)
        return error if np.isfinite(error) else float("inf")

    def _scale(self, gradient: float, difference: float) -> float:
        return max(abs(gradient), abs(difference), MIN_SCALE * abs(self.loss), 1e-12)

    def _loss(self) -> float:
        with np.errstate(all="ignore"):
            self._work.select(0)
            self._group.all_reduce(self._work, self._work.total, admits=False)
            return self._work.loss + (self._penalty.join(self._work.gradient) if self._penalty else 0.0)


@dataclass(frozen=True, kw_only=True)
class _Slopes:
    right: float
    left: float
    central: float

    @property
    def jump(self) -> float:
        return abs(self.right - self.left)

    def holds(self, gradient: float, slack: float) -> bool:
        """Whether a gradient lies between the two sides: any such value is a subgradient of a kink."""
        low, high = min(self.left, self.right), max(self.left, self.right)
        return low - slack <= gradient <= high + slack


def _few(part: Part, loss: LossSpec) -> Part:
    """The first rows with a target that counts: with others alone the loss is 0 whatever the weights are."""
    counted = weight_by_row(loss, part.y)
    rows = np.arange(part.rows) if counted is None else np.flatnonzero(counted)
    few = rows[:MAX_ROWS]
    return replace(part, x=part.x[few], y=part.y[few])


def _starts(parameters: tuple[Parameter, ...]) -> Iterator[tuple[Parameter, int]]:
    start = 0
    for parameter in parameters:
        yield parameter, start
        start += parameter.size


def _summary(parameter: Parameter, elements: list[Element]) -> ParameterCheck:
    smooth = [element for element in elements if not element.at_kink]
    return ParameterCheck(
        name=parameter.name,
        shape=parameter.shape,
        checked=len(elements),
        at_kinks=tuple(element for element in elements if element.at_kink),
        worst=max(smooth, key=lambda element: element.relative_error, default=None),
        passed=bool(smooth) and all(element.passed for element in elements),
    )
