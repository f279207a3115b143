"""Metrics against their definitions."""

import math

import numpy as np
import pytest

from core.graph import Graph
from core.metrics import Evaluation, metrics_from, sums_width
from core.parameters import Parameters
from tests.gradcheck import formula, loss, network

LINEAR: list[object] = [{"type": "linear", "in": 2, "out": 2, "bias": False}]


def metrics(graph: Graph, name: str, x: np.ndarray, y: np.ndarray, chunk: int = 2) -> dict[str, float]:
    """Metrics of a model with all weights 1 (of LINEAR: the identity), from the sums of chunks."""
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.flat[:] = np.eye(2).ravel() if graph.size == 4 else 1.0
    total = np.zeros(sums_width(loss(name), graph.outputs))
    for low in range(0, len(x), chunk):
        evaluation = Evaluation(graph, loss(name), parameters, len(x[low : low + chunk]))
        evaluation.x[...] = x[low : low + chunk]
        evaluation.y[...] = y[low : low + chunk]
        evaluation.run()
        total += evaluation.sums
    return metrics_from(total, loss(name), graph.outputs)


X = np.array([[2.0, 1.0], [0.5, 0.75], [-1.0, -2.0], [3.0, 3.0], [0.0, 5.0]])


def test_classes() -> None:
    found = metrics(network(LINEAR, 2), "cross_entropy", X, np.array([0, 0, 0, 0, 1]))

    shares = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    assert found["accuracy"] == 4 / 5
    assert found["loss"] == pytest.approx(-np.log(shares[np.arange(5), [0, 0, 0, 0, 1]]).mean())
    assert set(found) == {"loss", "accuracy"}


def test_yes_and_no() -> None:
    y = np.array([[1.0], [1.0], [1.0], [0.0], [0.0]])

    found = metrics(formula("a*x", {"a": 1.0}), "binary_cross_entropy", X[:, :1], y)

    assert found["accuracy"] == 2 / 5


@pytest.mark.parametrize("name", ["mse", "sse", "half_sse", "mae", "huber"])
def test_values(name: str) -> None:
    y = np.array([[1.0, 10.0], [2.0, 11.0], [3.0, 12.0], [4.0, 13.0], [0.5, 9.0]])
    error = X - y
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)

    found = metrics(network(LINEAR, 2), name, X, y)

    assert found["mae"] == pytest.approx(np.abs(error).mean())
    assert found["rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert found["r2"] == pytest.approx((1 - (error**2).sum(axis=0) / spread).mean())
    assert set(found) == {"loss", "mae", "rmse", "r2"}
    if name == "sse":
        assert found["loss"] == pytest.approx((error**2).sum())


@pytest.mark.parametrize(("target", "expected"), [(3.0, 1.0), (4.0, 0.0)])
def test_r2_of_a_target_that_never_changes(target: float, expected: float) -> None:
    x = np.full((4, 1), 3.0)

    assert metrics(formula("a*x", {"a": 1.0}), "mse", x, np.full((4, 1), target))["r2"] == expected


def test_one_row_has_no_r2() -> None:
    assert "r2" not in metrics(formula("a*x", {"a": 1.0}), "mse", X[:1, :1], X[:1, :1])


def test_r2_of_a_far_target_keeps_its_digits() -> None:
    x = np.linspace(0, 1, 100)[:, np.newaxis] + 1e5
    y = x + 0.01 * np.cos(np.arange(100))[:, np.newaxis]
    exact = 1 - ((x - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()

    assert metrics(formula("a*x", {"a": 1.0}), "mse", x, y)["r2"] == pytest.approx(exact, abs=1e-5)


def test_a_diverged_model_has_metrics_too() -> None:
    with np.errstate(all="ignore"):
        found = metrics(formula("a*x", {"a": 1.0}), "mse", X[:, :1] * 1e300, X[:, :1])

    assert found["loss"] == math.inf
