"""L-BFGS where the ground is not a bowl."""

from typing import Any

import pytest

from tests.core.formulas.searches import points_of, search

LBFGS: dict[str, Any] = {"kind": "minimize", "optimizer": {"type": "lbfgs"}, "steps": 60}


@pytest.mark.parametrize(
    ("objective", "start", "least"),
    [
        ("x**4/4 - x**2/2", {"x": 0.1}, {"x": 1.0}),
        ("x**4/4 - x**2/2", {"x": -0.1}, {"x": -1.0}),
        ("x**2 + y**4/4 - y**2/2", {"x": 1.0, "y": 0.05}, {"x": 0.0, "y": 1.0}),
        ("cos(x)", {"x": 0.2}, {"x": 3.141592653589793}),
    ],
    ids=["a hill", "its other side", "a saddle", "a crest"],
)
def test_it_leaves_a_hill_downwards(objective: str, start: dict[str, float], least: dict[str, float]) -> None:
    """Near a top the curvature is negative: a pair that says so would turn Newton's direction uphill."""
    points = points_of(search(LBFGS | {"objective": objective, "start": start}))

    assert points["value"][-1] < points["value"][0]
    assert {name: points[name][-1] for name in least} == pytest.approx(least, abs=1e-4)
