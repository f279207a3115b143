"""The data of a job as arrays, ready to train on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.errors import InvalidData

Told = dict[str, list[float] | list[str] | None]
"""{mean, scale, class_names}: see Preprocessing.told."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows: `x` (rows, columns) of the job's dtype; `y` as the loss takes it.

    For a loss of classes `y` is (rows,) int64 class numbers, or (rows, places) for sequences; else it is
    (rows, columns) of the job's dtype. Both C-contiguous and read-only.
    """

    x: np.ndarray
    y: np.ndarray

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.x)

    @cached_property
    def x_with_ones(self) -> np.ndarray:
        """`x` with a column of ones behind it: a copy, made when it is first asked for."""
        rows, columns = self.x.shape
        wide = aligned((rows, columns + 1), self.x.dtype)
        wide[:, :-1], wide[:, -1] = self.x, 1.0
        wide.flags.writeable = False
        return wide


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What was done to the inputs before training, and has to be done before every prediction.

    Standardizing: x becomes (x - mean) / scale, column by column; without it both are None.
    """

    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @staticmethod
    def fitted_to(x: np.ndarray) -> "Preprocessing":
        """Standardize over the rows of `x` (rows, columns) float64: mean 0, variance (divided by rows) 1.

        A column that never changes keeps its scale: there is nothing to divide by. Raises InvalidData where
        the squares leave float64.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean = x.mean(axis=0)
            deviation = np.sqrt(((x - mean) ** 2).mean(axis=0))
        if not np.isfinite(deviation).all():
            largest = np.abs(x).max()
            raise InvalidData(f"expected numbers that can be squared, got {largest:g}; scale them before")
        changes = x.max(axis=0) > x.min(axis=0)
        scale = np.where(changes & (deviation > 0), deviation, 1.0)
        return Preprocessing(mean=mean, scale=scale)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The inputs as the model takes them: float64 (rows, columns)."""
        x = np.asarray(x, dtype=np.float64)
        if self.mean is None or self.scale is None:
            return x
        if x.shape[1:] != self.mean.shape:
            raise InvalidData(f"expected rows of {len(self.mean)} numbers, got rows of shape {x.shape[1:]}")
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is an answer, and told as one
            standardized: np.ndarray = (x - self.mean) / self.scale
        return standardized

    def to_json(self) -> str:
        """As JSON text that keeps every bit."""
        if self.mean is None or self.scale is None:
            return "{}"
        return json.dumps({"mean": self.mean.tolist(), "scale": self.scale.tolist()})

    def told(self, class_names: Sequence[str] | None) -> Told | None:
        """What has to be known to use the weights elsewhere: {mean, scale, class_names}, None for nothing.

        Standardized inputs are (x - mean) / scale, in float64; `class_names` are in the order of the numbers.
        """
        if self.mean is None and not class_names:
            return None
        return {
            "mean": None if self.mean is None else self.mean.tolist(),
            "scale": None if self.scale is None else self.scale.tolist(),
            "class_names": list(class_names) if class_names else None,
        }

    @property
    def numbers(self) -> int:
        """How many numbers were fitted."""
        return 0 if self.mean is None else 2 * self.mean.size

    @staticmethod
    def from_json(text: str) -> "Preprocessing":
        """From what `to_json` gave."""
        values = json.loads(text)
        if not values:
            return Preprocessing()
        return Preprocessing(mean=np.array(values["mean"]), scale=np.array(values["scale"]))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All parts of a job's data; `class_names` names each class number where the source knows them."""

    train: Part
    validation: Part | None
    test: Part | None
    preprocessing: Preprocessing
    class_names: tuple[str, ...] | None = None

    @property
    def columns(self) -> int:
        """How many numbers one row of inputs has."""
        return int(self.train.x.shape[1])

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """The inputs (rows, columns) of all parts."""
        return tuple(part.x for part in (self.train, self.validation, self.test) if part is not None)
