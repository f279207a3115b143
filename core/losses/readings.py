"""What the outputs of a model say, by the loss that it was trained with: in NumPy, and as ONNX."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from lockstep.core.model.ops.onnx_graph import OnnxGraph

NO_LABEL = -1
"""In place of a class where the outputs that it hangs on hold a NaN."""


class Reading(ABC):
    """What outputs (rows, ..., outputs) say.

    `of_logs`: the outputs have to be logarithms of probabilities. `label_each`: there is a label for each
    output, not one over the last axis.
    """

    of_logs: ClassVar[bool] = False
    label_each: ClassVar[bool] = False

    @abstractmethod
    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """`probabilities` (like `outputs`) and `labels` int64, as far as there are any; {} for values.

        A label is NO_LABEL where the outputs that it hangs on hold a NaN.
        """

    @abstractmethod
    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:
        """The values that an ONNX model gives beside its outputs `y`, by their names."""

    def amounts(self, outputs: np.ndarray) -> np.ndarray:  # noqa: ARG002 - most say nothing of values
        """What the outputs say of values, on the scale of the targets; for losses that compare values."""
        raise TypeError(f"expected outputs that are values, got those of {type(self).__name__}")


class Values(Reading):
    """The outputs are what the targets are."""

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ARG002 - no classes
        """Nothing of classes."""
        return {}

    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:  # noqa: ARG002 - likewise
        """Nothing."""
        return {}

    def amounts(self, outputs: np.ndarray) -> np.ndarray:
        """As they are."""
        return outputs


class Largest(Reading):
    """The class with the largest output, of equals the first."""

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Labels alone."""
        return {"labels": largest(outputs)}

    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:  # noqa: ARG002 - the outputs alone
        """Nothing."""
        return {}


class LogShares(Largest):
    """Logarithms of the classes' probabilities."""

    of_logs = True

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """E^output, and the class with the largest."""
        return {"probabilities": np.exp(outputs), **super().read(outputs)}


class Sides(Reading):
    """Yes or no for each output: yes, 1, where it is at least 0."""

    label_each = True

    def read(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Labels alone."""
        labels = (outputs >= 0).astype(np.int64)
        return {"labels": np.where(np.isnan(outputs), NO_LABEL, labels)}

    def emit(self, out: OnnxGraph, y: str) -> dict[str, str]:  # noqa: ARG002 - the outputs alone
        """Nothing."""
        return {}


def largest(outputs: np.ndarray) -> np.ndarray:
    """The place of the largest along the last axis, NO_LABEL where one of them is NaN."""
    return np.where(np.isnan(outputs).any(axis=-1), NO_LABEL, outputs.argmax(axis=-1))
