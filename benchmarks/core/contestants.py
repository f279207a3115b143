"""Who takes part, by name, and how each is made. Their libraries are imported in their own processes."""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Protocol

import numpy as np

from benchmarks.core.workloads import OptimizerName, Workload

MODULES: Mapping[str, str] = {
    "lockstep": "ours",
    "floor": "floor",
    "torch": "by_torch",
    "torch-fused": "by_torch",
    "torch-compile": "by_torch",
    "jax": "by_jax",
    "sklearn": "by_sklearn",
}
PEERS = ("torch", "torch-fused", "torch-compile", "jax", "sklearn")


class Contestant(Protocol):
    """One way to train a workload. The loss of each step is computed and read."""

    def start(self, rate: float) -> None:
        """Begin anew, from the workload's weights, with this learning rate."""

    def steps(self, count: int) -> None:
        """Do so many steps; all of the work is done on return."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """The weights now, by their names in the workload; empty for one that learns nothing."""


def takes_part(name: str, workload: Workload) -> bool:
    """Whether a contestant has this kind of model."""
    return name != "sklearn" or workload.name != "cnn"


def library_of(name: str) -> ModuleType:
    """Import a contestant's module."""
    return import_module(f"benchmarks.core.{MODULES[name.partition(':')[0]]}")


def make(name: str, workload: Workload, optimizer: OptimizerName) -> Contestant:
    """Make a contestant; "lockstep:4" is ours with 4 shards."""
    kind, _, variant = name.partition(":")
    contestant: Contestant = library_of(name).make(workload, optimizer, variant or kind)
    return contestant
