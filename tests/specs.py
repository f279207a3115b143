"""Specs to start from, and a way to say what is different about one."""

import copy
from itertools import pairwise
from typing import Any

DIGITS: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 64, "out": 32},
            {"type": "relu"},
            {"type": "linear", "in": 32, "out": 10},
        ]
    },
    "data": {"builtin": "digits", "test_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "epochs": 20,
    "batch_size": 64,
}
LINE: dict[str, Any] = {
    "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
    "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
    "loss": "mse",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
}
WHOLE_LINE = LINE | {"epochs": 1000, "batch_size": "full", "dtype": "float64"}
"""That of examples/line.json, which ends at a = 2 and b = 4."""
REMOVED = object()


def changed(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A deep copy with values set at paths such as `model__layers__0__in`; REMOVED takes a key out."""
    spec = copy.deepcopy(base)
    for path, value in changes.items():
        target: Any = spec
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("__"))
        for part in parents:
            target = target[part]
        if value is REMOVED:
            del target[last]
        else:
            target[last] = value
    return spec


def linear(*widths: int) -> dict[str, Any]:
    """A model of linear layers from width to width."""
    return {"layers": [{"type": "linear", "in": before, "out": after} for before, after in pairwise(widths)]}
