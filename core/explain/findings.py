"""What the recorded series say about a training that goes wrong, in plain words, with what to try.

Pure functions over series: the same points give the same findings. Each number in a message is
that of a series at the step that stands beside it, or says of which steps it is the mean or median.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lockstep.core.explain.thinned import MAX_LOSSES, SMOOTH, Losses, Thinning
from lockstep.core.learning.report import Points

Code = Literal[
    "vanishing_gradients",
    "no_gradient",
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "plateau",
    "divergence",
    "overfitting",
    "growing",
    "unbounded",
    "cycling",
    "stalled",
    "wandering",
]
"""The last five are of searches: see core.explain.search_findings."""
Series = Mapping[str, Points]

LOOKED_AT = ("gradient_norm.", "dead_units.", "saturated_units.", "validation_loss")
"""How the names of the series begin that `find` looks at beside the loss."""
RECENT = 3
"""Samples of a layer that must agree."""
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
    `loss` (the training loss, or means of it: Losses) and `validation_loss`.
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
        values, step = norms[name].values[-RECENT:], int(norms[name].steps[-1])
        others = names[place + 1 :]
        behind = np.array([norms[other].values[-RECENT:] for other in others])
        if len(values) < RECENT or not np.all(behind.max(axis=0) > 0):
            continue
        if not np.all(values < VANISHED * behind.max(axis=0)):
            continue
        largest = int(np.argmax(behind[:, -1]))
        seen = (
            f"at step {step} its norm is {values[-1]:.3g}, that of layer {others[largest]} behind it "
            f"{behind[largest, -1]:.3g}"
        )
        if np.any(values > 0):
            yield Finding(
                code="vanishing_gradients",
                layer=name,
                step=step,
                message=f"Hardly any gradient reaches layer {name}, so it hardly learns: {seen}. Try relu in "
                "place of sigmoid or tanh, a residual layer, batch_norm or layer_norm, or fewer layers.",
            )
        else:
            yield Finding(
                code="no_gradient",
                layer=name,
                step=step,
                message=f"No gradient at all reaches layer {name}, so it does not learn: {seen}. Something "
                "between the two passes nothing back: units of relu that give 0 for every row, or a batch "
                "norm over a single row. Try larger batches or fewer shards, layer_norm, or leaky_relu.",
            )


def _exploding(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "gradient_norm").items():
        if len(points.values) <= 2 * SMOOTH:
            continue
        before, now = float(np.median(points.values[:-1])), float(points.values[-1])
        if np.isfinite(now) and not (now > EXPLODED * before and now > EXPLODED * points.values[0] / 10):
            continue
        step = int(points.steps[-1])
        yield Finding(
            code="exploding_gradients",
            layer=name,
            step=step,
            message=f"The gradient norm of layer {name} is {now:.3g} at step {step}; the median of its "
            f"samples from step {int(points.steps[0])} to {int(points.steps[-2])} is {before:.3g}. Try "
            "clipping the gradient by its norm, a lower learning rate, or standardized data.",
        )


def _dead(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "dead_units").items():
        values, step = points.values[-RECENT:], int(points.steps[-1])
        if len(values) == RECENT and np.all(values >= HALF):
            yield Finding(
                code="dead_units",
                layer=name,
                step=step,
                message=f"{values[-1]:.0%} of the units of layer {name} give 0 at step {step}, for every row "
                "looked at, so what is before them hardly learns. Try a lower learning rate, leaky_relu or "
                "elu in place of relu, or standardized data.",
            )


def _saturated(series: Series) -> Iterator[Finding]:
    for name, points in _of_layers(series, "saturated_units").items():
        values, step = points.values[-RECENT:], int(points.steps[-1])
        if len(values) == RECENT and np.all(values >= HALF):
            yield Finding(
                code="saturated_units",
                layer=name,
                step=step,
                message=f"{values[-1]:.0%} of the outputs of layer {name} lie at step {step} within 1 % of "
                "its limits, where its slope is almost 0. Try smaller initial weights, standardized data, "
                "weight decay, or relu.",
            )


def _losses(series: Series) -> Losses | None:
    points = series.get("loss")
    return points if points is None or isinstance(points, Losses) else Losses.each(points)


def _diverging(series: Series) -> Iterator[Finding]:
    losses = _losses(series)
    if losses is None or len(smooth := losses.smooth) <= SMOOTH or not smooth[0] > 0:
        return
    first, lowest, now = float(smooth[0]), float(smooth.min()), float(smooth[-1])
    if now > GROWN * first or (now > REBOUND * lowest and now > HALF * first):
        yield Finding(
            code="divergence",
            layer=None,
            step=int(losses.ends[-1]),
            message=f"The loss has grown to {losses.told(len(smooth) - 1)}; it was {losses.lowest_told()}. "
            "Try a lower learning rate, clipping the gradient by its norm, or standardized data.",
        )


def _flat(series: Series) -> Iterator[Finding]:
    losses = _losses(series)
    if losses is None or len(smooth := losses.smooth) <= FLAT_SAMPLES or not smooth[0] > 0:
        return
    first, then, now = float(smooth[0]), float(smooth[-FLAT_SAMPLES]), float(smooth[-1])
    if HIGH * first < now <= GROWN * first and abs(then - now) < FLAT * then:
        last = len(smooth) - 1
        yield Finding(
            code="plateau",
            layer=None,
            step=int(losses.ends[-1]),
            message=f"The loss hardly falls: it has come from {losses.told(last + 1 - FLAT_SAMPLES)} to "
            f"{losses.told(last)}, after {losses.told(0)}. Try another learning rate, adam, standardized "
            "data, or a larger model; if this is as good as the data allow, stop earlier.",
        )


def _overfitting(series: Series) -> Iterator[Finding]:
    losses = _losses(series)
    if "validation_loss" not in series or losses is None:
        return
    points, smooth = series["validation_loss"], losses.smooth
    best, step = int(np.argmin(points.values)), int(points.steps[-1])
    epochs = len(points.values) - 1 - best
    if epochs < WORSE_EPOCHS or not points.values[-1] > WORSE * points.values[best] or not len(smooth):
        return
    then = int(np.searchsorted(losses.steps[: len(smooth)], points.steps[best]))
    if then < len(smooth) and smooth[-1] < smooth[then]:
        yield Finding(
            code="overfitting",
            layer=None,
            step=step,
            message=f"The validation loss was {points.values[best]:.3g} at step {int(points.steps[best])} "
            f"and is {points.values[-1]:.3g} at step {step}, {epochs} epochs later, while the training loss "
            f"has fallen from {losses.told(then)} to {losses.told(len(smooth) - 1)}. Try stop.patience, "
            "dropout, weight decay, more data or augmentation, or a smaller model.",
        )


class Watcher:
    """Gathers the series of a running training as they come, and tells each finding once.

    `steps` is the most that can come. The loss is thinned to at most MAX_LOSSES means.
    """

    def __init__(self, steps: int) -> None:
        self._thinning = Thinning(max(1, -(-steps // MAX_LOSSES)))
        self._known: set[tuple[str, str | None]] = set()
        self._parts: dict[str, list[Points]] = {}

    def add(self, series: Series) -> None:
        """Take in what some steps have brought."""
        for name, points in series.items():
            if name == "loss":
                self._thinning.add(points)
            elif len(points.steps) and name.startswith(LOOKED_AT):
                self._parts.setdefault(name, []).append(points)

    def new(self) -> list[Finding]:
        """The findings that were not told before."""
        series = {name: Points.joined(parts) for name, parts in self._parts.items()}
        self._parts = {name: [points] for name, points in series.items()}
        with np.errstate(all="ignore"):
            if losses := self._thinning.losses():
                series["loss"] = losses
            found = [each for each in find(series) if (each.code, each.layer) not in self._known]
        self._known |= {(each.code, each.layer) for each in found}
        return found
