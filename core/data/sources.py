"""The rows of each source of data."""

import numpy as np

from lockstep.core.data.builtins import builtin_rows
from lockstep.core.data.generators import DECIMALS, Draw, Rows
from lockstep.core.data.spec import BuiltinData, Data, GeneratedData, InlineData
from lockstep.core.ground.random import generator


def rows_of(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float64 and targets of any source, all rows."""
    if isinstance(data, GeneratedData):
        return generate(data)
    if isinstance(data, BuiltinData):
        return builtin_rows(data.builtin)
    return np.asarray(data.inline.x, dtype=np.float64), np.asarray(data.inline.y, dtype=np.float64)


def generate(data: GeneratedData) -> Rows:
    """x (size, columns) float64 and y (size,): values float64, or class numbers int64.

    The random numbers follow from the data's seed and the generator's name.
    """
    random = generator(data.seed, "generated", data.generator)
    draw = Draw(size=data.size, classes=data.class_count, noise=data.noise, random=random)
    x, y = data.kind.rows(draw)
    return np.round(x, DECIMALS), y


def targets_of(data: Data) -> np.ndarray:
    """The targets of all rows, float64 or int64 (rows,) or (rows, columns), in the data's order."""
    if isinstance(data, InlineData):
        return np.asarray(data.inline.y, dtype=np.float64)
    return rows_of(data)[1]
