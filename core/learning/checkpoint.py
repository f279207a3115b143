"""A checkpoint: all that a job needs to go on to the same bits."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from lockstep.core.ground.errors import LockstepError
from lockstep.core.learning.stopping import StopState
from lockstep.core.optim.schedules import PlateauState

FORMAT = "lockstep-checkpoint-2"
FORMATS = ("lockstep-checkpoint-1", FORMAT)
"""The first did not say whether the run is over. No attempt goes on from it (core/spec/arithmetic.py), but a
replay to a step that the run has done may."""
BUFFER = "buffer."
OPTIMIZER = "optimizer."
BEST = "best."


class BadCheckpoint(LockstepError):
    """This is no checkpoint of the job; an older one has to serve."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state before step `step`: flat parameters (P,), buffers by name, the optimizer's arrays by name.

    `stop` is the stop rules' memory, `epoch_loss` the sum of the losses of the current epoch's steps so far.
    `stop_reason` says why the run is over, None where it goes on; `loss` is that of the step before.
    `plateau` is the memory of reduce_on_plateau, `best` the arrays of core.learning.stopping.BestWeights.
    """

    step: int
    parameters: np.ndarray
    buffers: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    stop: StopState = field(default_factory=StopState)
    epoch_loss: float = 0.0
    stop_reason: str | None = None
    loss: float = math.nan
    plateau: PlateauState | None = None
    best: Mapping[str, np.ndarray] = field(default_factory=dict)

    def require_like(self, other: "Checkpoint") -> None:
        """Raise BadCheckpoint unless this has the arrays of `other`, of the same shapes and dtypes.

        `best` may be empty all the same: no epoch has ended yet. A single number may have the shape (1,),
        which is how it comes back from the bytes.
        """
        wanted, got = other._arrays(with_best=bool(self.best)), self._arrays()
        if wanted.keys() != got.keys():
            raise BadCheckpoint(f"expected a checkpoint with {sorted(wanted)}, got one with {sorted(got)}")
        for name, array in wanted.items():
            form, own = ((each.shape or (1,), each.dtype.name) for each in (array, got[name]))
            if form != own:
                raise BadCheckpoint(f"expected {name} of shape and dtype {form}, got {own}")
        if (self.plateau is None) != (other.plateau is None):
            raise BadCheckpoint("expected a checkpoint with the memory of the job's schedule, got another's")

    def _arrays(self, *, with_best: bool = True) -> dict[str, np.ndarray]:
        """All arrays, by their names in the bytes."""
        arrays = {"parameters": self.parameters}
        arrays |= {f"{BUFFER}{name}": array for name, array in self.buffers.items()}
        arrays |= {f"{OPTIMIZER}{name}": vector for name, vector in self.optimizer.items()}
        return arrays | ({f"{BEST}{name}": array for name, array in self.best.items()} if with_best else {})

    def to_bytes(self) -> bytes:
        """Pack as safetensors, the scalars in its header; floats as hexadecimal, so that no bit is lost."""
        tensors = {name: np.ascontiguousarray(array) for name, array in self._arrays().items()}
        stop = {
            "best": self.stop.best.hex(),
            "stale_epochs": self.stop.stale_epochs,
            "epoch_loss": self.epoch_loss.hex(),
            "reason": self.stop_reason,
            "loss": self.loss.hex(),
        }
        header = {"format": FORMAT, "step": str(self.step), "stop": json.dumps(stop)}
        if self.plateau is not None:
            header["plateau"] = json.dumps(_plateau_to_json(self.plateau))
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
                buffers=_taken(tensors, BUFFER),
                optimizer=_taken(tensors, OPTIMIZER),
                stop=StopState(best=float.fromhex(stop["best"]), stale_epochs=int(stop["stale_epochs"])),
                epoch_loss=float.fromhex(stop["epoch_loss"]),
                stop_reason=stop.get("reason"),
                loss=float.fromhex(stop.get("loss", "nan")),
                plateau=_plateau_from_json(json.loads(header["plateau"])) if "plateau" in header else None,
                best=_taken(tensors, BEST),
            )
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BadCheckpoint(f"expected a {FORMAT}, got {len(data)} other bytes: {error}") from error


def _header(data: bytes) -> dict[str, str]:
    """The `__metadata__` of safetensors bytes: 8 bytes of little-endian length, then that much JSON."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    if metadata["format"] not in FORMATS:
        raise ValueError(f"format {metadata['format']!r}")
    return metadata


def _taken(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _plateau_to_json(plateau: PlateauState) -> dict[str, str | int]:
    return {
        "rate": plateau.rate.hex(),
        "best": plateau.best.hex(),
        "bad_epochs": plateau.bad_epochs,
        "cooldown": plateau.cooldown,
    }


def _plateau_from_json(values: Mapping[str, Any]) -> PlateauState:
    return PlateauState(
        rate=float.fromhex(values["rate"]),
        best=float.fromhex(values["best"]),
        bad_epochs=int(values["bad_epochs"]),
        cooldown=int(values["cooldown"]),
    )
