"""What the recorded series say about a training that goes wrong, in plain words, with what to try.

Pure functions over series: the same points give the same findings, whoever looks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.report import Points

Code = Literal[
    "vanishing_gradients",
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "plateau",
    "divergence",
    "overfitting",
]
Series = Mapping[str, Points]

RECENT = 3
"""Samples of a layer that must agree."""
SMOOTH = 5
"""Losses whose median stands for them."""
VANISHED = 1e-3
"""A layer's gradient norm as a share of the largest layer's behind it."""
EXPLODED = 100.0
"""A gradient norm as a multiple of what it was before."""
HALF = 0.5
GROWN = 2.0
"""A loss as a multiple of the first."""
REBOUND = 5.0
"""A loss as a multiple of the lowest."""
FLAT_SAMPLES = 40
FLAT = 0.01
"""The part of the loss that must be gained over FLAT_SAMPLES, or it is flat."""
HIGH = 0.3
"""A flat loss below this share of the first is no plateau: the training has done its work."""
MOST_LOSSES = 200
WORSE_EPOCHS = 5
WORSE = 1.1
"""A validation loss as a multiple of its lowest."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a reader of the series would want to know. `layer` is None for the model as a whole.

    `step` is the last that was looked at; `message` says what was seen and what to try.
    """

    code: Code
    layer: str | None
    step: int
    message: str


def find(series: Series) -> Iterator[Finding]:
    """All findings of some series: at most one of a code for each layer.

    Looked at: gradient_norm.NAME, dead_units.NAME and saturated_units.NAME (layers in the model's order),
    `loss` (the training loss, thinned to about 200 points) and `validation_loss`.
    """
    looks: tuple[Callable[[Series], Iterator[Finding]], ...] = (
        _vanishing,
        _exploding,
        _dead,
        _saturated,
        _diverging,
        _flat,
        _overfitting,
    )
    for look in looks:
        yield from look(series)


def _of_layers(series: Series, kind: str) -> dict[str, Points]:
    start = f"{kind}."
    return {name.removeprefix(start): points for name, points in series.items() if name.startswith(start)}


def _vanishing(series: Series) -> Iterator[Finding]:
    norms = _of_layers(series, "gradient_norm")
    names = list(norms)
    for place, name in enumerate(names[:-1]):
        values = norms[name].values[-RECENT:]
        behind = np.max([norms[other].values[-RECENT:] for other in names[place + 1 :]], axis=0, initial=0.0)
        if len(values) == RECENT and np.all(behind > 0) and np.all(values < VANISHED * behind):
            share = float(values[-1] / behind[-1])
            yield Finding(
                code="vanishing_gradients",
                layer=name,
                step=int(norms[name].steps[-1]),
                message=f"The gradient that reaches layer {name} is only {share:.1g} of that of a layer "
                "behind it, so it hardly learns. Try relu in place of sigmoid or tanh, a residual layer, "
                "batch_norm or layer_norm, or fewer layers.",
            )


def _exploding(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "gradient_norm").items():
        if len(points.values) <= 2 * SMOOTH:
            continue
        before, now = float(np.median(points.values[:-1])), float(points.values[-1])
        if np.isfinite(now) and not (now > EXPLODED * before and now > EXPLODED * points.values[0] / 10):
            continue
        yield Finding(
            code="exploding_gradients",
            layer=name,
            step=int(points.steps[-1]),
            message=f"The gradient norm of layer {name} is {now:.3g}, and was about {before:.3g} before. Try "
            "clipping the gradient by its norm, a lower learning rate, or standardized data.",
        )


def _dead(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "dead_units").items():
        values = points.values[-RECENT:]
        if len(values) == RECENT and np.all(values >= HALF):
            yield Finding(
                code="dead_units",
                layer=name,
                step=int(points.steps[-1]),
                message=f"{values[-1]:.0%} of the units of layer {name} give 0 for every row looked at, so "
                "nothing behind them learns. Try a lower learning rate, leaky_relu or elu in place of relu, "
                "or standardized data.",
            )


def _saturated(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "saturated_units").items():
        values = points.values[-RECENT:]
        if len(values) == RECENT and np.all(values >= HALF):
            yield Finding(
                code="saturated_units",
                layer=name,
                step=int(points.steps[-1]),
                message=f"{values[-1]:.0%} of the outputs of layer {name} lie within 1 % of its limits, "
                "where its slope is almost 0. Try smaller initial weights, standardized data, weight "
                "decay, or relu.",
            )


def _smooth(points: Points) -> np.ndarray:
    """The running median of SMOOTH losses; empty where there are too few."""
    if len(points.values) < SMOOTH:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(points.values, SMOOTH)
    medians: np.ndarray = np.median(windows, axis=1)
    return medians


def _diverging(series: Series) -> Iterator[Finding]:
    if "loss" not in series:
        return
    points = series["loss"]
    smooth = _smooth(points)
    if len(smooth) <= SMOOTH or not smooth[0] > 0:
        return
    first, lowest, now = float(smooth[0]), float(smooth.min()), float(smooth[-1])
    if now > GROWN * first or (now > REBOUND * lowest and now > HALF * first):
        at = int(points.steps[int(smooth.argmin())])
        yield Finding(
            code="divergence",
            layer=None,
            step=int(points.steps[-1]),
            message=f"The loss has grown to {now:.3g}; it was {lowest:.3g} around step {at}. Try a lower "
            "learning rate, clipping the gradient by its norm, or standardized data.",
        )


def _flat(series: Series) -> Iterator[Finding]:
    if "loss" not in series:
        return
    points = series["loss"]
    smooth = _smooth(points)
    if len(smooth) <= FLAT_SAMPLES or not smooth[0] > 0:
        return
    first, then, now = float(smooth[0]), float(smooth[-FLAT_SAMPLES]), float(smooth[-1])
    if HIGH * first < now <= GROWN * first and abs(then - now) < FLAT * then:
        since = int(points.steps[len(points.steps) - FLAT_SAMPLES])
        yield Finding(
            code="plateau",
            layer=None,
            step=int(points.steps[-1]),
            message=f"The loss has stayed at about {now:.3g} since step {since}; it began at {first:.3g}. "
            "Try another learning rate, adam, standardized data, or a larger model; if this is as good as "
            "the data allow, stop earlier.",
        )


def _overfitting(series: Series) -> Iterator[Finding]:
    if "validation_loss" not in series or "loss" not in series:
        return
    points, smooth = series["validation_loss"], _smooth(series["loss"])
    best = int(np.argmin(points.values))
    epochs = len(points.values) - 1 - best
    if epochs < WORSE_EPOCHS or not points.values[-1] > WORSE * points.values[best] or not len(smooth):
        return
    then = int(np.searchsorted(series["loss"].steps[: len(smooth)], points.steps[best]))
    if then < len(smooth) and smooth[-1] < smooth[then]:
        yield Finding(
            code="overfitting",
            layer=None,
            step=int(points.steps[-1]),
            message=f"The validation loss was lowest at step {int(points.steps[best])} "
            f"({points.values[best]:.3g}) and is {points.values[-1]:.3g} now, while the training loss still "
            "falls. Try stop.patience, dropout, weight decay, more data or augmentation, or a smaller model.",
        )


class Watcher:
    """Gathers the series of a running training as they come, and tells each finding once.

    `steps` is the most that can come. The loss is thinned to at most MOST_LOSSES means.
    """

    def __init__(self, steps: int) -> None:
        self._stride = max(1, -(-steps // MOST_LOSSES))
        self._known: set[tuple[str, str | None]] = set()
        self._parts: dict[str, list[Points]] = {}
        self._losses: list[tuple[int, float]] = []
        self._rest = Points.of([])

    def add(self, series: Series) -> None:
        """Take in what some steps have brought."""
        for name, points in series.items():
            if name == "loss":
                self._thin(points)
            elif len(points.steps):
                self._parts.setdefault(name, []).append(points)

    def new(self) -> list[Finding]:
        """The findings that were not told before."""
        series = {name: Points.joined(parts) for name, parts in self._parts.items()}
        self._parts = {name: [points] for name, points in series.items()}
        if self._losses:
            series["loss"] = Points.of(self._losses)
        with np.errstate(all="ignore"):
            found = [each for each in find(series) if (each.code, each.layer) not in self._known]
        self._known |= {(each.code, each.layer) for each in found}
        return found

    def _thin(self, points: Points) -> None:
        rest = Points.joined([self._rest, points])
        whole = len(rest.steps) // self._stride * self._stride
        for start in range(0, whole, self._stride):
            mean = float(np.mean(rest.values[start : start + self._stride]))
            self._losses.append((int(rest.steps[start]), mean))
        self._rest = Points(steps=rest.steps[whole:], values=rest.values[whole:])
