"""What the stop rules remember from epoch to epoch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.parameters import Parameters

_PARAMETERS = "parameters"
_BUFFER = "buffer."


@dataclass(frozen=True, kw_only=True)
class StopState:
    """The lowest loss of an epoch so far, and how many epochs ago that was."""

    best: float = math.inf
    stale_epochs: int = 0

    def after_epoch(self, loss: float, min_delta: float = 0.0) -> "StopState":
        """With one more epoch; a loss counts as a new lowest one where it is below best - min_delta."""
        if loss < self.best - min_delta:
            return StopState(best=loss, stale_epochs=0)
        return StopState(best=self.best, stale_epochs=self.stale_epochs + 1)


class BestWeights:
    """Copies of parameters and buffers from the end of the best epoch; `arrays` is empty before the first."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.arrays: Mapping[str, np.ndarray] = {}

    def keep(self) -> None:
        """Take the current ones."""
        buffers = self._parameters.buffers.items()
        copies = {_PARAMETERS: self._parameters.flat.copy()}
        self.arrays = copies | {f"{_BUFFER}{name}": array.copy() for name, array in buffers}

    def restore(self) -> None:
        """Put them back, if there are any."""
        if not self.arrays:
            return
        self._parameters.flat[:] = self.arrays[_PARAMETERS]
        for name, buffer in self._parameters.buffers.items():
            buffer[...] = self.arrays[f"{_BUFFER}{name}"]
