"""From the data of a spec to the arrays of a job."""

import numpy as np

from lockstep.core.data.dataset import Dataset, Part, Preprocessing
from lockstep.core.data.shapes import class_names_of, shape_of
from lockstep.core.data.sources import rows_of
from lockstep.core.data.split import part_rows
from lockstep.core.ground.errors import InvalidData
from lockstep.core.losses import loss_of
from lockstep.core.spec.job import ResolvedSpec


def load_dataset(spec: ResolvedSpec) -> Dataset:
    """Build, part and prepare the data of a spec; deterministic in it.

    Raises InvalidData where numbers leave the job's dtype.
    """
    x, y = rows_of(spec.data)
    x = x.reshape(shape_of(spec.data).rows, -1)
    dtype = np.dtype(spec.dtype)
    are_classes = loss_of(spec.loss).targets.are_classes
    y = y.reshape(len(x), -1)
    if are_classes:
        y = (y if y.shape[1] > 1 else y[:, 0]).astype(np.int64)
    rows = part_rows(len(x), spec.data, spec.seed)
    preprocessing = Preprocessing.fitted_to(x[rows.train]) if spec.data.standardize else Preprocessing()
    x = preprocessing.apply(x)

    def part(numbers: np.ndarray) -> Part:
        targets = y[numbers] if are_classes else _cast(y[numbers], dtype, "targets")
        return Part(x=_frozen(_cast(x[numbers], dtype, "inputs")), y=_frozen(targets))

    return Dataset(
        train=part(rows.train),
        validation=part(rows.validation) if len(rows.validation) else None,
        test=part(rows.test) if len(rows.test) else None,
        preprocessing=preprocessing,
        class_names=class_names_of(spec.data),
    )


def _cast(values: np.ndarray, dtype: np.dtype, what: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(values, dtype=dtype)
    if not np.isfinite(cast).all():
        raise InvalidData(
            f"expected {what} that {dtype} can hold, got numbers up to {np.abs(values).max():g}; "
            'scale them, or take dtype "float64"'
        )
    return cast


def _frozen(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
