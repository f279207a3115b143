"""Each threshold of the findings from both sides: told just beyond it, and not just short of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from lockstep.core.explain.findings import Watcher, find
from lockstep.core.explain.thinned import MAX_LOSSES, Thinning
from lockstep.core.learning.report import Points

Values = Sequence[float]


def points(values: Values, stride: int = 1) -> Points:
    return Points(
        steps=np.arange(len(values), dtype=np.int64) * stride, values=np.array(values, dtype=np.float64)
    )


def codes(**series: Points) -> set[str]:
    """Keywords with __ for the dot."""
    return {found.code for found in find({name.replace("__", "."): each for name, each in series.items()})}


def norms(first: Values, last: Values) -> set[str]:
    return codes(gradient_norm__0=points(first), gradient_norm__2=points(last))


def losses(*pieces: tuple[float, int]) -> set[str]:
    """Runs of equal losses: (value, steps)."""
    return codes(loss=points([value for value, steps in pieces for _ in range(steps)]))


def held_out(validation: Values, training: Values) -> set[str]:
    """An epoch has ten steps."""
    ends = Points(
        steps=np.arange(1, len(validation) + 1, dtype=np.int64) * 10 - 1, values=np.array(validation)
    )
    return codes(validation_loss=ends, loss=points(training))


GONE = [1e-5] * 3
GOOD = [1.0] * 3
FALLING = np.linspace(2.0, 1.0, 100).tolist()
SIDES: dict[str, tuple[str, set[str], set[str]]] = {
    "the share of a gradient that has vanished": (
        "vanishing_gradients", norms([0.99e-3] * 3, [1.0] * 3), norms([1.01e-3] * 3, [1.0] * 3),
    ),
    "samples that must agree on it": (
        "vanishing_gradients", norms([1.0, *GONE], [1.0] * 4), norms([1e-5, 1.0, 1e-5, 1e-5], [1.0] * 4),
    ),
    "samples that there must be": ("vanishing_gradients", norms(GONE, [1.0] * 3), norms(GONE[:2], [1.0] * 2)),
    "a layer behind that learns": ("vanishing_gradients", norms(GONE, [1.0] * 3), norms(GONE, [0.0] * 3)),
    "hardly any gradient and none": ("no_gradient", norms([0.0] * 3, GOOD), norms([1e-300, 0, 0], GOOD)),
    "how much a gradient has grown": (
        "exploding_gradients", codes(gradient_norm__0=points([1.0] * 20 + [101.0])),
        codes(gradient_norm__0=points([1.0] * 20 + [99.0])),
    ),
    "a first gradient that was large too": (
        "exploding_gradients", codes(gradient_norm__0=points([10.4] + [1.0] * 20 + [105.0])),
        codes(gradient_norm__0=points([10.6] + [1.0] * 20 + [105.0])),
    ),
    "samples before a gradient counts as grown": (
        "exploding_gradients", codes(gradient_norm__0=points([1.0] * 10 + [500.0])),
        codes(gradient_norm__0=points([1.0] * 9 + [500.0])),
    ),
    "a gradient that is no number": (
        "exploding_gradients", codes(gradient_norm__0=points([1.0] * 10 + [np.inf])),
        codes(gradient_norm__0=points([np.inf] + [1.0] * 10)),
    ),
    "the share of dead units": (
        "dead_units", codes(dead_units__1=points([0.5] * 3)), codes(dead_units__1=points([0.5, 0.49, 0.5])),
    ),
    "the share of saturated units": (
        "saturated_units", codes(saturated_units__1=points([0.5] * 3)),
        codes(saturated_units__1=points([0.5, 0.5, 0.49])),
    ),
    "how much a loss has grown": ("divergence", losses((1.0, 10), (2.01, 5)), losses((1.0, 10), (1.99, 5))),
    "how much above its lowest it is": (
        "divergence", losses((2.0, 5), (0.25, 5), (1.26, 5)), losses((2.0, 5), (0.25, 5), (1.24, 5)),
    ),
    "and how near to the first": (
        "divergence", losses((2.0, 5), (0.1, 5), (1.01, 5)), losses((2.0, 5), (0.1, 5), (0.99, 5)),
    ),
    "losses that there must be": ("divergence", losses((1.0, 5), (9.0, 5)), losses((1.0, 5), (9.0, 4))),
    "losses that must agree": ("divergence", losses((1.0, 12), (9.0, 3)), losses((1.0, 12), (9.0, 2))),
    "how flat a plateau is": (
        "plateau", losses((1.5, 9), (1.0, 50), (0.9901, 5)), losses((1.5, 9), (1.0, 50), (0.989, 5)),
    ),
    "how long a plateau is": ("plateau", losses((1.0, 45)), losses((1.0, 44))),
    "since when it is flat": ("plateau", losses((1.5, 20), (1.0, 42)), losses((1.5, 20), (1.0, 41))),
    "how high a plateau lies": ("plateau", losses((1.0, 9), (0.31, 60)), losses((1.0, 9), (0.29, 60))),
    "a plateau that is none for it has grown": (
        "plateau", losses((1.0, 9), (1.99, 60)), losses((1.0, 9), (2.01, 60)),
    ),
    "epochs without a better one": (
        "overfitting", held_out([1.0] + [1.2] * 5, FALLING), held_out([1.0] + [1.2] * 4, FALLING),
    ),
    "how much worse it has become": (
        "overfitting", held_out([1.0] + [1.11] * 6, FALLING), held_out([1.0] + [1.09] * 6, FALLING),
    ),
    "a training loss that still falls": (
        "overfitting", held_out([1.0] + [1.2] * 6, FALLING), held_out([1.0] + [1.2] * 6, [1.0] * 100),
    ),
}  # fmt: skip


@pytest.mark.parametrize("threshold", SIDES)
def test_both_sides(threshold: str) -> None:
    code, beyond, short = SIDES[threshold]

    assert code in beyond
    assert code not in short


@pytest.mark.parametrize("steps", [1, MAX_LOSSES, MAX_LOSSES + 1, 12_345])
def test_losses_are_thinned_to_so_many(steps: int) -> None:
    watcher, stride = Watcher(steps), max(1, -(-steps // MAX_LOSSES))
    thinning = Thinning(stride)
    thinning.add(points(np.arange(steps).tolist()))
    watcher.add({"loss": points(np.arange(steps).tolist())})
    thinned = thinning.losses()

    assert thinned is not None
    assert steps // stride == len(thinned.values) <= MAX_LOSSES
    np.testing.assert_array_equal(thinned.values, (thinned.steps + thinned.ends) / 2)
    np.testing.assert_array_equal(thinned.lowest, thinned.lowest_step)
    np.testing.assert_array_equal(thinned.lowest_step, thinned.steps)
    assert all(found.step == thinned.ends[-1] for found in watcher.new())
