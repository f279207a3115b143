"""All that the steps of a training change, but for their number and their loss: to be saved and put back."""

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.dividing import SharedUpdate
from lockstep.core.learning.epochs import Epochs
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim import Optimizer
from lockstep.core.optim.schedules import Schedule


class TrainingState:
    """The state of one training on one member. `shared` is its divided update, if it may have one."""

    def __init__(
        self,
        parameters: Parameters,
        optimizer: Optimizer,
        schedule: Schedule | None,
        epochs: Epochs,
        shared: SharedUpdate | None,
    ) -> None:
        self._parameters, self._optimizer = parameters, optimizer
        self._schedule, self._epochs, self._shared = schedule, epochs, shared

    def save(self, step: int, loss: float) -> Checkpoint:
        """The state before `step`, as copies; `loss` is that of the step before."""
        if self._shared:
            self._shared.gather()
        saved = Checkpoint(
            step=step,
            parameters=self._parameters.flat.copy(),
            buffers={name: buffer.copy() for name, buffer in self._parameters.buffers.items()},
            optimizer={name: vector.copy() for name, vector in self._optimizer.state.items()},
            loss=loss,
            plateau=self._schedule.plateau if self._schedule else None,
        )
        return self._epochs.save(saved)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Have the state that was saved."""
        self._parameters.flat[:] = checkpoint.parameters
        for name, buffer in self._parameters.buffers.items():
            buffer[...] = checkpoint.buffers[name]
        for name, vector in self._optimizer.state.items():
            vector[:] = checkpoint.optimizer[name]
        if self._schedule:
            self._schedule.plateau = checkpoint.plateau
        self._epochs.restore(checkpoint)

    def undo(self, kept: Checkpoint | None) -> None:
        """Have the state before a step that was interrupted.

        Until its evaluation, a step has changed nothing but what a divided update can take back; that of a
        step that an evaluation may be interrupted after was `kept`.
        """
        if self._shared:
            self._shared.leave()
        if kept is not None:
            self.restore(kept)
