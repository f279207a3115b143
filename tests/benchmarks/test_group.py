"""Figures survive a run that is cut off; the model of costs finds the constants that made its points."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.group.costs import NETWORKS, Costs, Point, fitted, sent_bytes
from benchmarks.group.figures import Figures


def test_figures_are_there_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "figures"
    Figures(path).put("allreduce/1 MB", {"micros": [1.5]})

    figures = Figures(path)

    assert "allreduce/1 MB" in figures
    assert figures["allreduce/1 MB"] == {"micros": [1.5]}
    assert figures.keys("allreduce/") == ["allreduce/1 MB"]
    assert figures.keys("training/") == []


def test_costs_are_fitted() -> None:
    made = Costs(start=30e-6, message=8e-6, byte=0.4e-9, addition=0.1e-9, error=0.0)
    points = [
        Point(members=members, size=size, seconds=made.cpu(members, size))
        for members in (2, 3, 4, 8)
        for size in (40_000, 1_000_000, 4_000_000)
    ]

    found = fitted(points)

    assert found.start == pytest.approx(made.start)
    assert found.message == pytest.approx(made.message)
    assert found.byte == pytest.approx(made.byte)
    assert found.addition == pytest.approx(made.addition)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_no_constant_is_negative() -> None:
    random = np.random.default_rng(0)
    points = [
        Point(members=members, size=size, seconds=random.uniform(1e-4, 1e-3))
        for members in (2, 3, 4, 8)
        for size in (40_000, 1_000_000, 4_000_000)
    ]

    found = fitted(points)

    assert min(found.start, found.message, found.byte, found.addition) >= 0


def test_the_wire_is_the_bound_where_it_is_slow() -> None:
    costs = Costs(start=0.0, message=0.0, byte=1e-12, addition=1e-12, error=0.0)
    slow = NETWORKS[0]

    assert sent_bytes(4, 1000) == 1500
    assert costs.exchange(1, 10**6, slow) == 0.0
    assert costs.exchange(4, 10**6, slow) == pytest.approx(1.5e6 / slow.bandwidth + 3 * slow.latency)
