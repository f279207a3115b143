"""The rows of each source of data."""

from pathlib import Path

import numpy as np

from lockstep.core.data.generators import generate
from lockstep.core.data.spec import BuiltinData, Data, GeneratedData, InlineData

FILES_PATH = Path(__file__).with_name("files")


def rows_of(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float64 and targets of any source, all rows."""
    if isinstance(data, GeneratedData):
        return generate(data)
    if isinstance(data, BuiltinData):
        with np.load(FILES_PATH / f"{data.builtin}.npz", allow_pickle=False) as arrays:
            return arrays["x"].astype(np.float64), arrays["y"].astype(np.float64)
    return np.asarray(data.inline.x, dtype=np.float64), np.asarray(data.inline.y, dtype=np.float64)


def targets_of(data: Data) -> np.ndarray:
    """The targets of all rows, float64 or int64 (rows,) or (rows, columns), in the data's order."""
    if isinstance(data, InlineData):
        return np.asarray(data.inline.y, dtype=np.float64)
    return rows_of(data)[1]
