"""Searches of both kinds, for tests, and their numbers by name."""

from typing import Any

import numpy as np

from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.run import Run, prepare
from lockstep.core.submission import parse_job, resolve

PARABOLA: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1.2},
    "optimizer": {"type": "sgd", "learning_rate": 0.3},
    "stop": {"value_below": 0.001},
}
VALLEY: dict[str, Any] = {
    "kind": "minimize",
    "objective": "(1 - x)**2 + 10*(y - x**2)**2 + softplus(x*y)",
    "start": {"x": -0.5, "y": 0.7},
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "steps": 60,
}
PRODUCT: dict[str, Any] = {
    "kind": "solve",
    "expression": "(2*w + 3*b)*(2*b + 1)",
    "start": {"w": 3, "b": 4},
    "solve_for": ["b"],
    "target": 150,
    "tolerance": 1e-4,
}


def search(raw: dict[str, Any], checkpoint: Checkpoint | None = None) -> Run:
    """The run of a spec."""
    return prepare(resolve(parse_job(raw), lambda: 0)).start(SoloGroup(), checkpoint, None)


def points_of(run: Run, stride: int = 1000) -> dict[str, list[float]]:
    """Every series of the run to its end, whose points must be those of steps 0, 1, 2, ..."""
    values: dict[str, list[float]] = {}
    while not run.finished:
        report = run.advance(stride)
        assert report.failure is None, report.failure
        for name, points in report.series.items():
            before = values.setdefault(name, [])
            np.testing.assert_array_equal(
                points.steps, np.arange(len(before), len(before) + len(points.steps))
            )
            before.extend(points.values.tolist())
    return values


def failure_of(raw: dict[str, Any]) -> Diverged | DomainError:
    """How it fails."""
    run = search(raw)
    while not run.finished:
        report = run.advance(7)
        if report.failure is not None:
            return report.failure
    raise AssertionError(f"it ended well: {run.stop_reason}")
