"""Who takes part, by name, and how each is made. Their libraries are imported in their own processes."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
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
    "jax-scan": "by_jax",
    "jax-0.4.31": "by_jax",
    "jax-0.4.31-scan": "by_jax",
    "sklearn": "by_sklearn",
}
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "PyTorch": ("torch", "torch-fused", "torch-compile"),
    "JAX": ("jax", "jax-scan"),
    "JAX 0.4.31": ("jax-0.4.31", "jax-0.4.31-scan"),
    "scikit-learn": ("sklearn",),
}
"""The ways to use each peer. What comes after JAX 0.4.31 runs the steps of small models more slowly."""
PEERS = tuple(name for family in FAMILIES.values() for name in family)
_ELSEWHERE = {"jax-0.4.31": ".venv-bench-jax0431"}
"""The environments of libraries that can't be installed beside their newer selves, by how names begin."""


class Contestant(Protocol):
    """One way to train a workload. The loss of each step is computed and read.

    `chunk`: how many steps one call of the library takes; a speed is measured over multiples of it.
    """

    @property
    def chunk(self) -> int:
        """See above."""

    def start(self, rate: float) -> None:
        """Begin anew, from the workload's weights, with this learning rate."""

    def steps(self, count: int) -> None:
        """Do so many steps; all of the work is done on return."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """The weights now, by their names in the workload; empty for one that learns nothing."""


def takes_part(name: str, workload: Workload) -> bool:
    """Whether a contestant has this kind of model."""
    return name != "sklearn" or workload.name != "cnn"


def interpreter_of(name: str) -> Path | None:
    """The Python that a contestant runs in; None where its environment is not installed."""
    for beginning, folder in _ELSEWHERE.items():
        if name.startswith(beginning):
            python = Path(__file__).parents[2] / folder / "bin" / "python"
            return python if python.exists() else None
    return Path(sys.executable)


def library_of(name: str) -> ModuleType:
    """Import a contestant's module."""
    return import_module(f"benchmarks.core.{MODULES[name.partition(':')[0]]}")


def make(name: str, workload: Workload, optimizer: OptimizerName) -> Contestant:
    """Make a contestant; "lockstep:4" is ours with 4 shards."""
    kind, _, variant = name.partition(":")
    contestant: Contestant = library_of(name).make(workload, optimizer, variant or kind)
    return contestant
