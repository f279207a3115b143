"""The plan: replayed to the same bits, without memory of earlier runs and without new memory."""

import tracemalloc

import numpy as np
import pytest

from lockstep.core.engine.plan import Plan
from lockstep.core.losses import LOSSES
from lockstep.core.model.parameters import Parameters
from tests.gradcheck import Model, formula, loss, network

pytestmark = pytest.mark.bits

NETWORK: list[object] = [
    {"type": "linear", "in": 20, "out": 30},
    {"type": "relu"},
    {"type": "linear", "in": 30, "out": 10},
    {"type": "tanh"},
    {"type": "linear", "in": 10, "out": 4},
]


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_runs_leave_nothing_behind(name: str, dtype: str) -> None:
    """Another batch in between, and rubbish in the partial: the same input gives the same bits."""
    model = Model(network(NETWORK, 20), loss(name), rows=16, dtype=dtype)
    x = model.plan.x.copy()
    model.value()
    first = model.partial.tobytes()

    model.plan.x[...] = 1e30
    model.value()
    model.plan.x[...] = x
    model.partial.fill(np.nan)
    model.value()

    assert model.partial.tobytes() == first
    assert model.partial.dtype == dtype


def test_two_plans_of_one_model_give_the_same_bits() -> None:
    graph = network(NETWORK, 20)

    assert [Model(graph, loss("cross_entropy"), rows=7).gradient().tobytes() for _ in range(2)] == [
        Model(graph, loss("cross_entropy"), rows=7).gradient().tobytes()
    ] * 2


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_step_takes_no_memory(name: str) -> None:
    model = Model(network([*NETWORK, {"type": "elu"}, {"type": "silu"}], 20), loss(name), rows=4096)
    model.value()
    tracemalloc.start()
    try:
        model.value()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            model.value()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    smallest_array = 4096 * 4 * 8
    assert peak < smallest_array, "more than the 64 KB that numpy takes for a moment where it broadcasts"


def test_forward_alone_gives_the_output() -> None:
    model = Model(network(NETWORK, 20), loss("cross_entropy"), rows=3)
    weights = model.parameters.export()
    hidden = np.maximum(model.plan.x @ weights["0.weight"].T + weights["0.bias"], 0)
    hidden = np.tanh(hidden @ weights["2.weight"].T + weights["2.bias"])

    output = model.plan.forward()

    np.testing.assert_allclose(output, hidden @ weights["4.weight"].T + weights["4.bias"], rtol=1e-12)
    assert output.shape == (3, 4)


def test_parameters_are_read_where_they_lie() -> None:
    model = Model(formula("a*x + b", {"a": 1.0, "b": 0.0}), loss("mse"))
    model.parameters.flat[:] = [2.0, 5.0]

    assert model.plan.forward()[:, 0].tolist() == (2 * model.plan.x[:, 0] + 5).tolist()


def test_a_large_output_comes_back_by_rows() -> None:
    """An expression's output, a vector inside, is seen as one column."""
    graph = formula("a*x", {"a": 3.0})
    plan = Plan(loss("mse"), 4, Parameters(graph, np.dtype("float64")), np.zeros(2))

    assert plan.output.shape == plan.y.shape == (4, 1)
