"""A checkpoint: all that a job needs to go on to the same bits."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy

from core.errors import LockstepError

FORMAT = "lockstep-checkpoint-1"


class BadCheckpoint(LockstepError):
    """The bytes are not a checkpoint of this job; an older one has to serve."""


@dataclass(frozen=True, kw_only=True)
class StopState:
    """What the stop rules remember: the lowest loss of an epoch so far, and how many epochs ago that was."""

    best: float = math.inf
    stale_epochs: int = 0

    def after_epoch(self, loss: float) -> "StopState":
        if loss < self.best:
            return StopState(best=loss, stale_epochs=0)
        return StopState(best=self.best, stale_epochs=self.stale_epochs + 1)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state before step `step`: flat parameters (P,) and the optimizer's flat vectors.

    `stop` is the stop rules' memory, `epoch_loss` the sum of the losses of the current epoch's steps so far.
    """

    step: int
    parameters: np.ndarray
    optimizer: Mapping[str, np.ndarray]
    stop: StopState
    epoch_loss: float

    def to_bytes(self) -> bytes:
        """Pack as safetensors, the scalars in its header; floats as hexadecimal, so that no bit is lost."""
        tensors = {"parameters": _contiguous(self.parameters)}
        tensors |= {f"optimizer.{name}": _contiguous(vector) for name, vector in self.optimizer.items()}
        stop = {
            "best": self.stop.best.hex(),
            "stale_epochs": self.stop.stale_epochs,
            "epoch_loss": self.epoch_loss.hex(),
        }
        header = {"format": FORMAT, "step": str(self.step), "stop": json.dumps(stop)}
        return safetensors.numpy.save(tensors, metadata=header)

    @staticmethod
    def from_bytes(data: bytes) -> "Checkpoint":
        """Unpack what `to_bytes` made. Raises BadCheckpoint on anything else."""
        try:
            header = _header(data)
            tensors = safetensors.numpy.load(data)
            stop = json.loads(header["stop"])
            return Checkpoint(
                step=int(header["step"]),
                parameters=tensors.pop("parameters"),
                optimizer={name.removeprefix("optimizer."): vector for name, vector in tensors.items()},
                stop=StopState(best=float.fromhex(stop["best"]), stale_epochs=int(stop["stale_epochs"])),
                epoch_loss=float.fromhex(stop["epoch_loss"]),
            )
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BadCheckpoint(f"expected a {FORMAT}, got {len(data)} other bytes: {error}") from error


def _header(data: bytes) -> dict[str, str]:
    """The `__metadata__` of safetensors bytes: 8 bytes of little-endian length, then that much JSON."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    if metadata["format"] != FORMAT:
        raise ValueError(f"format {metadata['format']!r}")
    return metadata


def _contiguous(vector: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(vector)
