"""When a training is over, and why; and what the stop rules remember from epoch to epoch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lockstep.core.model.parameters import Parameters
from lockstep.core.spec.stop import StopRules

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


class EarlyStopping:
    """Judges each step of a training of at most `steps` steps.

    `goal_of` says which loss `loss_below` looks at; None without that rule. `reason` is None while the
    training goes on, then "loss_below", "patience" or "steps_done". `reason` and `state` go into checkpoints.
    """

    def __init__(self, rules: StopRules, steps: int, steps_per_epoch: int) -> None:
        self._rules = rules
        self._steps = steps
        self.goal, self.goal_of = rules.goal(steps_per_epoch)
        self.state = StopState()
        self.reason: str | None = None

    def end_epoch(self, loss: float) -> bool:
        """Note the loss that `patience` watches; True where the best epoch's weights are now wanted kept."""
        if self._rules.restore_best or self._rules.patience is not None:
            self.state = self.state.after_epoch(loss, self._rules.min_delta)
        return self._rules.restore_best and self.state.stale_epochs == 0

    def judge(self, step: int, loss: float) -> None:
        """Set `reason` if the training ends with `step`; `loss` is that of `goal_of`, else NaN."""
        patience = self._rules.patience
        if loss < self.goal:
            self.reason = "loss_below"
        elif patience is not None and self.state.stale_epochs >= patience:
            self.reason = "patience"
        elif step + 1 == self._steps:
            self.reason = "steps_done"


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
