"""Fewer points that look the same when drawn."""

import numpy as np
from numpy.typing import NDArray

from core.report import Points


def sample(points: Points, most: int) -> Points:
    """At most `most` of the points: the first, the last, the least and the greatest of even runs between.

    So no peak is lost, as it would be by taking each n-th point. A run with a NaN shows that one. A single
    point is the last.
    """
    count = len(points.steps)
    if most < 1:
        raise ValueError(f"expected at least 1 point, got max_points={most}")
    if count <= most:
        return points
    chosen = {1: [count - 1], 2: [0, count - 1], 3: [0, count // 2, count - 1]}.get(most)
    kept = np.array(chosen) if chosen else _extremes(points.values, (most - 2) // 2)
    return Points(steps=points.steps[kept], values=points.values[kept])


def _extremes(values: np.ndarray, runs: int) -> NDArray[np.intp]:
    """Where the first and the last are, and the least and the greatest of at most `runs` runs between."""
    inner = values[1:-1]
    width = -(-len(inner) // runs)
    whole = len(inner) // width
    table = inner[: whole * width].reshape(whole, width)
    starts = 1 + width * np.arange(whole)
    kept = [np.array([0, len(values) - 1]), starts + table.argmin(axis=1), starts + table.argmax(axis=1)]
    rest = inner[whole * width :]
    if len(rest):
        kept.append(1 + whole * width + np.array([rest.argmin(), rest.argmax()]))
    return np.unique(np.concatenate(kept))
