"""The thresholds of the findings about searches, each from both sides, on series made for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.past import ROUNDING
from lockstep.core.explain.search_findings import SearchWatcher
from lockstep.core.formulas.search import Search
from lockstep.core.learning.report import Points
from tests.core.formulas.searches import search

EPS = float(np.finfo(float).eps)
Numbers = Any


def told(raw: dict[str, Any], values: Numbers, points: Numbers = None, slopes: Numbers = 1.0) -> str | None:
    """The finding of a search with these values; where x went, if it is not 1, 2, 3, …; and its slopes."""
    run = search(raw)
    assert isinstance(run, Search)
    steps = np.arange(len(values), dtype=np.int64)
    columns = {"value": values, "x": steps + 1.0 if points is None else points, "grad.x": slopes}
    series = {
        name: Points(steps=steps, values=np.broadcast_to(np.asarray(column, dtype=float), steps.shape))
        for name, column in columns.items()
    }
    watcher = SearchWatcher(run.spec)
    watcher.add(series)
    found = watcher.new()
    return found[0].code if found else None


DOWN: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x",
    "start": {"x": 1},
    "optimizer": {"type": "sgd", "learning_rate": 1},
    "steps": 10_000,
}
TO_ZERO: dict[str, Any] = {
    "kind": "solve",
    "expression": "x",
    "start": {"x": 1},
    "target": 0,
    "steps": 10_000,
}
GOAL = DOWN | {"stop": {"value_below": -5000}}


def ramp(*levels: float, each: int = 8) -> np.ndarray:
    return np.concatenate([[1.0], *(np.full(each, 1 + level) for level in levels)])[: len(levels) * each]


def falling(first: float, later: float, points: int) -> np.ndarray:
    """A fall by `first` over the earlier half of the points, by `later` over the later half."""
    half = points // 2
    return np.concatenate([-np.linspace(0, first, half), -first - np.linspace(0, later, half + 1)[1:]])


def waves(*turns: int) -> np.ndarray:
    """Rises and falls of so many points each, from 1."""
    ways = np.concatenate([np.full(length, (-1.0) ** number) for number, length in enumerate(turns)])
    levels: np.ndarray = 1 + np.abs(np.cumsum(ways)) / max(turns) + 1e-3 * np.arange(len(ways))
    return levels


def zigzag(points: int, low: float, high: float) -> np.ndarray:
    """To and fro between two levels, the upper one never twice the same."""
    return np.where(np.arange(points) % 2, low, high * (1 + 1e-4 * np.sin(np.arange(points))))


def away(points: int) -> np.ndarray:
    return np.linspace(1, -200, points)


Case = Callable[[Any], str | None]
CASES: list[tuple[str, Case, Any, Any, str]] = [
    ("GROWN", lambda x: told(DOWN, np.geomspace(1, x, 40)), 990, 1010, "growing"),
    ("GROWN", lambda x: told(TO_ZERO, -ramp(30, 200, x - 1, x + 1)), 990, 1010, "growing"),
    ("LEAP", lambda x: told(DOWN, ramp(*np.exp([0.1, 0.5, x, 10]))), 0.95, 1.15, "growing"),
    ("FEWEST", lambda x: told(DOWN, 1000.0 ** np.arange(x)), 4, 5, "growing"),
    ("LATELY", lambda x: told(DOWN, [1e3] + [0.0] * 200 + [*1e6 * 1.3 ** np.arange(x)]), 2, 32, "growing"),
    ("FALLEN", lambda x: told(DOWN, falling(x / 2, x / 2, 60), away(60)), 99, 101, "unbounded"),
    ("FALLEN", lambda x: told(DOWN, falling(99, 99, 60), np.linspace(1, x, 60)), 99, 101, "unbounded"),
    ("LONG_FALL", lambda x: told(DOWN, falling(99, 99, x), away(x)), 48, 50, "unbounded"),
    ("STEADY", lambda x: told(DOWN, falling(100, x, 64), away(64)), 88, 92, "unbounded"),
    ("FASTER", lambda x: told(DOWN, falling(30, x, 20), away(20)), 290, 310, "unbounded"),
    ("the lowest", lambda x: told(DOWN, [*falling(99, 99, 60), x], away(61)), -197, -199, "unbounded"),
    ("MAX_PERIOD", lambda x: told(DOWN, np.sin(np.arange(96) % x), np.arange(96) % x), 17, 16, "cycling"),
    ("ROUNDS", lambda x: told(DOWN, np.arange(x) % 2, np.arange(x) % 2), 9, 10, "cycling"),
    (
        "SAME",
        lambda x: told(DOWN, np.ones(10), (-1.0) ** np.arange(10) * (1 + x * np.arange(10))),
        1.1e-6,
        0.9e-6,
        "cycling",
    ),
    ("WIDE", lambda x: told(DOWN, np.ones(40), x * (-1.0) ** np.arange(40)), 0.024, 0.028, "cycling"),
    (
        "WIDE, with a goal",
        lambda x: told(GOAL, np.ones(40), x * (-1.0) ** np.arange(40)),
        0,
        0.001,
        "cycling",
    ),
    ("RESTING", lambda x: told(DOWN, np.ones(x), np.ones(x)), 31, 32, "stalled"),
    (
        "ROUNDING",
        lambda x: told(GOAL, np.arange(40.0), 1 + x * ROUNDING * EPS * np.linspace(0, 1, 40)),
        1.3,
        0.9,
        "stalled",
    ),
    ("PROGRESS, lost", lambda x: told(DOWN, [1, 0] + [x] * 40, [1, 2] + [9] * 40), 0.009, 0.011, "stalled"),
    ("LONG", lambda x: told(DOWN, 1 - 1e-9 * np.arange(x), 1 - 1e-9 * np.arange(x)), 99, 100, "stalled"),
    (
        "HARDLY",
        lambda x: told(DOWN, np.linspace(1, 0, 120), np.linspace(1, 1 - x, 120)),
        0.0011,
        0.0009,
        "stalled",
    ),
    (
        "AS_STEEP",
        lambda x: told(DOWN, np.linspace(1, 0, 120), np.linspace(1, 0.9995, 120), np.linspace(1, x, 120)),
        0.985,
        0.995,
        "stalled",
    ),
    ("PROGRESS", lambda x: told(TO_ZERO, np.linspace(1, 1 - x, 200)), 0.0225, 0.018, "stalled"),
    ("LONG", lambda x: told(TO_ZERO, zigzag(x, 1, 2)), 99, 101, "wandering"),
    (
        "TURNS",
        lambda x: told(TO_ZERO, waves(*[5] * 24, 79 - 7 * x, *[7] * x)),
        9,
        10,
        "wandering",
    ),
    (
        "AS_WIDE",
        lambda x: told(DOWN, [*zigzag(128, 0, 1), *zigzag(128, 0.1, 0.1 + x)], zigzag(256, -9, 9)),
        0.45,
        0.55,
        "wandering",
    ),
    (
        "FAR",
        lambda x: told(DOWN, zigzag(200, 0, 1), 11 + zigzag(200, 0, x)),
        0.9,
        1.2,
        "wandering",
    ),
    (
        "PROGRESS, wandering",
        lambda x: told(DOWN, [*zigzag(128, 0.1, 1), *zigzag(128, 0.1 - x, 1)], zigzag(256, -9, 9)),
        0.012,
        0.008,
        "wandering",
    ),
    (
        "AS_FAR",
        lambda x: told(TO_ZERO, [*zigzag(128, 1, 2), *zigzag(128, 0.1, 2 * x)]),
        0.88,
        0.92,
        "wandering",
    ),
]


@pytest.mark.parametrize(("threshold", "case", "outside", "inside", "code"), CASES)
def test_each_threshold_is_where_it_is_said_to_be(
    threshold: str, case: Case, outside: Any, inside: Any, code: str
) -> None:
    assert case(inside) == code, threshold
    assert case(outside) != code, threshold
