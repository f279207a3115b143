"""Which rows train, which validate, which test."""

from dataclasses import dataclass

import numpy as np

from lockstep.core.data.spec import DataOptions
from lockstep.core.ground.random import generator


@dataclass(frozen=True, kw_only=True)
class PartSizes:
    """How many rows each part has; `train` may come out below 1, which the checks of a spec refuse."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class PartRows:
    """The row numbers of each part, ascending: parts keep the data's order."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def part_sizes(rows: int, options: DataOptions) -> PartSizes:
    """The nearest whole numbers of rows, halves up, but at least one where a fraction is above 0."""
    test = _share(rows, options.test_fraction)
    validation = _share(rows, options.validation_fraction)
    return PartSizes(train=rows - test - validation, validation=validation, test=test)


def _share(rows: int, fraction: float) -> int:
    return max(1, int(rows * fraction + 0.5)) if fraction > 0 else 0


def part_rows(rows: int, options: DataOptions, seed: int) -> PartRows:
    """Draw the rows of each part; they follow from (seed, rows, the fractions) alone.

    The test rows are drawn first: another validation_fraction leaves them as they are.
    """
    sizes = part_sizes(rows, options)
    order = np.arange(rows)
    if sizes.train < rows:
        order = generator(seed, "split").permutation(rows)
    test, validation, train = np.split(order, [sizes.test, sizes.test + sizes.validation])
    return PartRows(train=np.sort(train), validation=np.sort(validation), test=np.sort(test))
