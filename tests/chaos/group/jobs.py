"""What the groups of a campaign train, and what each step has to leave: as in a training that is alone."""

import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from lockstep.core.data.dataset import Dataset
from lockstep.core.group import Group
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.spec import ResolvedSpec
from lockstep.core.submission import parse_spec, resolve

SPECS: dict[str, dict[str, Any]] = {}


def _spec(hidden: int, **more: Any) -> dict[str, Any]:
    layers = [
        {"type": "linear", "in": 64, "out": hidden},
        {"type": "batch_norm_1d", "num_features": hidden},
        {"type": "tanh"},
        {"type": "linear", "in": hidden, "out": 10},
    ]
    data = {"builtin": "digits", "standardize": True, "validation_fraction": 0.2, "test_fraction": 0.2}
    return {
        "model": {"layers": layers},
        "data": data,
        "loss": "cross_entropy",
        "optimizer": {"type": "adam", "learning_rate": 0.01},
        "epochs": 10,
        "batch_size": 100,
        "seed": 3,
        "shards": 16,
        **more,
    }


SPECS["small"] = _spec(hidden=8)
SPECS["large"] = _spec(hidden=256, clip={"norm": 1.0}, shards=8, epochs=7)
SPECS["divided"] = _spec(hidden=4_700, batch_size=50, shards=8, epochs=2)
"""Whose vectors go as they are; whose are cut into a slice for each member; whose update is divided too where
memory is shared.
"""


@dataclass(frozen=True)
class ChaosJob:
    """A job, ready to train."""

    name: str
    spec: ResolvedSpec
    dataset: Dataset

    def training(self, group: Group, checkpoint: Checkpoint | None = None) -> Training:
        """One member's."""
        return Training(self.spec, self.dataset, group, checkpoint)

    @cached_property
    def alone(self) -> tuple[list[int], str]:
        """Of a training that is alone: the mark of the state before each step, and the weights' digest."""
        training = self.training(SoloGroup())
        marks = [mark(training)]
        while not training.finished:
            training.advance(1)
            marks.append(mark(training))
        return marks, training.outcome().weights_sha256


def mark(training: Training) -> int:
    """A checksum of all that a training has learned up to its step."""
    saved = training.checkpoint()
    vectors = (saved.parameters, *saved.optimizer.values(), *saved.buffers.values())
    checksum = saved.step
    for vector in vectors:
        checksum = zlib.crc32(vector.tobytes(), checksum)
    return checksum


@cache
def job(name: str) -> ChaosJob:
    """One of SPECS."""
    spec = resolve(parse_spec(SPECS[name]), lambda: 0)
    if not isinstance(spec, ResolvedSpec):
        raise TypeError(f"expected a training, got the kind {spec.kind}")
    return ChaosJob(name, spec, load_dataset(spec))
