"""What the jobs of a campaign compute, and what must come of it: as the core computes it by itself."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.report import Points
from lockstep.core.run import prepare
from lockstep.core.submission import parse_job, resolve

_LAYERS: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "unflatten", "shape": [1, 8, 8]},
            {"type": "conv2d", "in": 1, "out": 16, "kernel_size": 3, "padding": 1},
            {"type": "relu"},
            {"type": "conv2d", "in": 16, "out": 24, "kernel_size": 3, "padding": 1},
            {"type": "relu"},
            {"type": "flatten"},
            {"type": "dropout", "p": 0.2},
            {"type": "linear", "in": 1536, "out": 10},
        ]
    },
    "data": {"builtin": "digits", "test_fraction": 0.2, "standardize": True},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.005},
    "batch_size": 192,
    "seed": 11,
    "shards": 4,
}
_WAVES = " + ".join(f"a*sin({k}*w*x)/{k}" for k in range(1, 25))
_BOWL = " + ".join(f"(x - {k})**2/{k} + cos({k}*y)**2" for k in range(1, 15))

SPECS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "layers": {**_LAYERS, "epochs": 25},
        "layers on two": {**_LAYERS, "epochs": 25, "seed": 12, "workers": 2},
        "formula": {
            "model": {"expression": f"{_WAVES} + b", "parameters": {"a": 1, "b": 0.5, "w": 0.7}},
            "data": {"generator": "line", "size": 8000, "noise": 0.1, "seed": 2},
            "loss": "mse",
            "optimizer": {"type": "adam", "learning_rate": 0.01},
            "epochs": 200,
            "batch_size": "full",
            "seed": 3,
        },
        "minimize": {
            "kind": "minimize",
            "objective": _BOWL,
            "start": {"x": 1.2, "y": 0.3},
            "optimizer": {"type": "sgd", "learning_rate": 0.001},
            "steps": 1000,
        },
        "solve": {
            "kind": "solve",
            "expression": "(2*w + 3*b)*(2*b + 1)",
            "start": {"w": 3, "b": 4},
            "solve_for": ["b"],
            "target": 150,
            "tolerance": 1e-4,
        },
    }
)
LONG = ("layers", "layers on two", "formula")
"""Those that take seconds, so that a fault finds them at work."""
MAIN_SERIES = ("loss", "value")
"""Of these a job has one, with a point for each step."""


@dataclass(frozen=True)
class Expected:
    """What a job must come to. `points`: the bytes of its main series, little-endian."""

    digest: str
    steps: int
    series: str
    points: bytes

    def told(self) -> dict[str, Any]:
        """As a line of a history says it."""
        return {
            "digest": self.digest,
            "steps": self.steps,
            "series": self.series,
            "points": base64.b64encode(self.points).decode(),
            "points_sha256": hashlib.sha256(self.points).hexdigest(),
        }


@cache
def expected(name: str) -> Expected:
    """What must come of one of SPECS."""
    return computed(SPECS[name])


def computed(spec: Mapping[str, Any]) -> Expected:
    """What comes of a spec that is computed from end to end, alone."""
    run = prepare(resolve(parse_job(dict(spec)), lambda: 7)).start(SoloGroup(), None, None)
    parts: dict[str, list[Points]] = {}
    while not run.finished:
        report = run.advance(50)
        if report.failure is not None:
            raise report.failure
        for series, points in report.series.items():
            if series in MAIN_SERIES:
                parts.setdefault(series, []).append(points)
    (series,) = parts
    values = np.concatenate([points.values for points in parts[series]])
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return Expected(run.outcome().weights_sha256, run.step, series, data)
