"""Fewer points that tell the same: a series in buckets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.core.learning.report import Points


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """What the points of each bucket are together: arrays (k,), the numbers float64, `count` int64.

    `min`, `max` and `mean` are over the bucket's finite values, and NaN where it has none.
    """

    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Sampled(Points):
    """Points of a series: all of them, or one of each bucket."""

    buckets: Buckets | None = None


def sample(points: Points, most: int) -> Sampled:
    """At most `most` points: all, or one of each of `most` buckets of neighbours, as even as can be.

    The first bucket shows its first point and the last its last; the others show a value that is not a number
    if they hold one, else what is farthest from their mean, so that no peak is lost. A single bucket shows
    the last point.
    """
    count = len(points.steps)
    if most < 1:
        raise ValueError(f"expected at least 1 point, got max_points={most}")
    if count <= most:
        return Sampled(steps=points.steps, values=points.values)
    starts = np.arange(most) * count // most
    sizes = np.diff(starts, append=count)
    values = points.values.astype(np.float64)
    buckets = _buckets(values, starts, sizes)
    shown = _farthest(values, starts, np.repeat(buckets.mean, sizes))
    shown[0] = 0
    shown[-1] = count - 1
    return Sampled(steps=points.steps[shown], values=points.values[shown], buckets=buckets)


def _buckets(values: NDArray[np.float64], starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> Buckets:
    finite = np.isfinite(values)
    finite_sizes = np.add.reduceat(finite.astype(np.int64), starts)
    least = np.minimum.reduceat(np.where(finite, values, np.inf), starts)
    greatest = np.maximum.reduceat(np.where(finite, values, -np.inf), starts)
    # Each value's share is added, not the values: a sum of large ones is no number.
    shares = np.where(finite, values, 0.0) / np.repeat(np.maximum(finite_sizes, 1), sizes)
    mean = np.clip(np.add.reduceat(shares, starts), least, greatest)
    empty = finite_sizes == 0
    for numbers in (least, greatest, mean):
        numbers[empty] = np.nan
    return Buckets(min=least, max=greatest, mean=mean, count=sizes.astype(np.int64))


def _farthest(
    values: NDArray[np.float64], starts: NDArray[np.intp], means: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Where each bucket's first NaN is, else its first infinity, else the value farthest from its mean."""
    # Halves, so that the distance of two finite numbers is finite.
    distance = np.abs(values / 2 - means / 2)
    distance[np.isinf(values)] = np.finfo(np.float64).max
    distance[np.isnan(values)] = np.inf
    sizes = np.diff(starts, append=len(values))
    farthest = np.flatnonzero(distance == np.repeat(np.maximum.reduceat(distance, starts), sizes))
    return farthest[np.searchsorted(farthest, starts)]
