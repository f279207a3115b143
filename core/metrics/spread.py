"""How far the targets of a part lie from their mean: what R² is measured by, known before any output is."""

import math
from dataclasses import dataclass

import numpy as np

from lockstep.core.ground.shards import Block, TreeSum

CHUNK_ROWS = 256
"""Rows added at a time, from the first on; the chunks are added in the fixed tree."""
_SAFE = 480
"""Squares of numbers up to 2^480 leave float64 room for a sum of any number of rows."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Of targets (rows, ...): for each element of a row its Σ (target - mean)², in units of `scale`².

    `scale` is a power of two, 1 unless the targets' squares might leave float64: dividing by it is exact.
    `squares` (elements,) is exactly 0 where all targets are equal.
    """

    scale: float
    squares: np.ndarray


def spread_of(targets: np.ndarray) -> Spread:
    """Computed once from all rows: in two passes, on distances from the first row, which are small where

    the mean is far from 0. A Σ x² - (Σ x)² / n would lose the digits that the two have in common. The second
    pass is corrected by what the mean missed: Chan, Golub and LeVeque, "Algorithms for Computing the Sample
    Variance" (1983), (1.7).
    """
    rows = len(targets)
    flat = targets.reshape(rows, -1)
    scale = _scale_of(flat)

    def distances(low: int) -> np.ndarray:
        found: np.ndarray = flat[low : low + CHUNK_ROWS].astype(np.float64) / scale - first
        return found

    first = flat[0].astype(np.float64) / scale
    mean = _sum([distances(low).sum(axis=0) for low in range(0, rows, CHUNK_ROWS)]) / rows
    terms = []
    for low in range(0, rows, CHUNK_ROWS):
        rest = distances(low) - mean
        terms.append(np.concatenate([rest.sum(axis=0), (rest * rest).sum(axis=0)]))
    missed, squares = _sum(terms).reshape(2, -1)
    return Spread(scale=scale, squares=squares - missed * missed / rows)


def _scale_of(targets: np.ndarray) -> float:
    _, exponent = math.frexp(float(np.abs(targets).max()))
    return math.ldexp(1.0, exponent - _SAFE) if exponent > _SAFE else 1.0


def _sum(vectors: list[np.ndarray]) -> np.ndarray:
    """Their sum in the fixed tree."""
    total = np.empty(len(vectors[0]))
    tree = TreeSum(len(total), total.dtype)
    tree.start(total)
    for number, vector in enumerate(vectors):
        tree.add(Block(number, 1), vector)
    tree.finish()
    return total
