"""Expressions as models: their values against Python's arithmetic, and a training known to the bit."""

import math

import numpy as np
import pytest

from lockstep.core.engine.plan import Plan
from lockstep.core.ground.errors import InvalidData
from lockstep.core.losses import denominator
from lockstep.core.model.parameters import Parameters
from lockstep.core.optim.sgd import Sgd
from tests.gradcheck import formula, loss

A, B = 0.75, -1.25
X, Z = [0.5, 2.0, 3.25], [1.5, -0.5, 0.25]
VALUES = [
    ("a*x + b", [A * x + B for x in X]),
    ("a - x/b", [A - x / B for x in X]),
    ("-x**2", [-(x**2) for x in X]),
    ("2**-1*x*a", [0.5 * x * A for x in X]),
    ("(b*x)**3", [(B * x) ** 3 for x in X]),
    ("x**a", [x**A for x in X]),
    ("a**x", [A**x for x in X]),
    ("b**2*x", [B * B * x for x in X]),
    ("x**(1/2)*a", [math.sqrt(x) * A for x in X]),
    ("pi*x + e*a", [math.pi * x + math.e * A for x in X]),
    ("ln(x) + log(x)*a", [math.log(x) * (1 + A) for x in X]),
    ("exp(a*x) - sqrt(x) + abs(b*x)", [math.exp(A * x) - math.sqrt(x) + abs(B * x) for x in X]),
    (
        "sin(x) + cos(x) + tan(x) + tanh(a*x)",
        [math.sin(x) + math.cos(x) + math.tan(x) + math.tanh(A * x) for x in X],
    ),
    ("softplus(a*100*x)", [A * 100 * x + math.log1p(math.exp(-A * 100 * x)) for x in X]),
    ("relu(b*x) + relu(a*x)", [A * x for x in X]),
    ("sigmoid(b*x)", [1 / (1 + math.exp(-B * x)) for x in X]),
    ("a*z + b*x", [A * z + B * x for x, z in zip(X, Z, strict=True)]),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_values(text: str, expected: list[float]) -> None:
    columns = 2 if "z" in text else 1
    graph = formula(text, {"a": A, "b": B}, columns)
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(0)
    plan = Plan(loss("mse"), 3, parameters, np.zeros(3))
    plan.x[...] = np.array([X, Z][:columns]).T

    assert plan.forward()[:, 0].tolist() == pytest.approx(expected, rel=1e-14)


def test_whole_exponents_are_exact() -> None:
    graph = formula("x**2 + 0*a", {"a": 1.0})
    parameters = Parameters(graph, np.dtype("float64"))
    plan = Plan(loss("mse"), 2, parameters, np.zeros(2))
    plan.x[:, 0] = [0.1, -1e-7]

    assert plan.forward()[:, 0].tolist() == [0.1 * 0.1, 1e-7 * 1e-7]


def test_a_line_is_learned_to_known_bits() -> None:
    """a x + b from a = 4, b = 1 on (1, 6), (2, 8): 1000 full steps of sgd 0.1 on mse, in float64."""
    graph = formula("a*x + b", {"a": 4.0, "b": 1.0})
    parameters = Parameters(graph, np.dtype("float64"))
    parameters.initialize(0)
    partial = np.zeros(3)
    gradient = partial[:-1]
    plan = Plan(loss("mse"), 2, parameters, partial)
    optimizer = Sgd(type="sgd", learning_rate=0.1).build(parameters.flat)
    plan.x[:, 0], plan.y[:, 0] = [1, 2], [6, 8]
    plan.denominator[...] = denominator(loss("mse"), plan.y)

    for step in range(1000):
        plan.run()
        optimizer.step(step, gradient)

    a, b = (float(parameters.export()[name]) for name in "ab")
    assert (a, b) == (2.00000078438591, 3.9999987308369374)
    assert a * 3 + b == 10.000001083994668


def test_inputs_take_the_columns_sorted_by_name() -> None:
    assert formula("b*z + y*a + x", {"a": 1, "b": 2}, 3).input_names == ("x", "y", "z")


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_columns_and_inputs_have_to_match(columns: int) -> None:
    with pytest.raises(InvalidData, match=r"2 inputs \(x, y\)"):
        formula("a*x + y", {"a": 1}, columns)
