"""Values of ops against plain Python, at ordinary and at extreme places."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from lockstep.core.engine.program import Options, Program
from lockstep.core.model.graph import Graph, GraphBuilder
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters

Attributes = dict[str, float | int | str]


def alone(op: str, attributes: Attributes) -> Graph:
    """A graph that is one op on one column."""
    builder = GraphBuilder(1)
    x = builder.data()
    return builder.finish(builder.add(op, [x], shape=(1,), attributes=attributes))


def evaluate(op: str, attributes: Attributes, x: list[float], dtype: str) -> list[float]:
    graph = alone(op, attributes)
    program = Program(graph, len(x), Parameters(graph, np.dtype(dtype)), Options(keep_all=True))
    program.x[:, 0] = x
    with np.errstate(all="ignore"):
        for call in program.forward:
            call()
    return [float(value) for value in program.output[:, 0]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


REFERENCES: list[tuple[str, Attributes, Callable[[float], float]]] = [
    ("identity", {}, lambda x: x),
    ("relu", {}, lambda x: max(x, 0.0)),
    ("leaky_relu", {"negative_slope": 0.01}, lambda x: x if x > 0 else 0.01 * x),
    ("leaky_relu", {"negative_slope": 3.0}, lambda x: x if x > 0 else 3.0 * x),
    ("elu", {"alpha": 1.0}, lambda x: x if x > 0 else math.expm1(x)),
    ("elu", {"alpha": 0.5}, lambda x: x if x > 0 else 0.5 * math.expm1(x)),
    ("sigmoid", {}, sigmoid),
    ("silu", {}, lambda x: x * sigmoid(x)),
    ("tanh", {}, math.tanh),
    ("softplus", {"beta": 1.0, "threshold": 20.0}, lambda x: x if x > 20 else math.log1p(math.exp(x))),
    (
        "softplus",
        {"beta": 2.0, "threshold": 1.0},
        lambda x: x if 2 * x > 1 else math.log1p(math.exp(2 * x)) / 2,
    ),
    ("softplus", {"beta": 1.0, "threshold": math.inf}, lambda x: max(x, 0) + math.log1p(math.exp(-abs(x)))),
    ("gelu", {}, lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2))),
    ("gelu_tanh", {}, lambda x: x * sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ("hardtanh", {"min_val": -2.0, "max_val": 0.25}, lambda x: min(max(x, -2.0), 0.25)),
    ("relu6", {}, lambda x: min(max(x, 0.0), 6.0)),
    ("hardsigmoid", {}, lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)),
    ("hardswish", {}, lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0)),
    ("abs", {}, abs),
    ("negate", {}, lambda x: -x),
    ("sin", {}, math.sin),
    ("cos", {}, math.cos),
    ("power_constant", {"exponent": 2.0}, lambda x: x * x),
    ("power_constant", {"exponent": 3.0}, lambda x: x * x * x),
    ("power_constant", {"exponent": 4.0}, lambda x: (x * x) * (x * x)),
    ("power_constant", {"exponent": 0.0}, lambda _: 1.0),
    ("power_constant", {"exponent": 1.0}, lambda x: x),
]
PLACES = [0.0, -0.0, 0.1, -0.1, 0.5, 0.51, -2.5, 3.0, 19.9, 20.1, -30.0, 88.0, -88.0, 100.0, -104.0]
EXTREMES = [1e3, -1e3, 1e4, -1e4]


@pytest.mark.parametrize(("op", "attributes", "reference"), REFERENCES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(op: str, attributes: Attributes, reference: Callable[[float], float], dtype: str) -> None:
    x = PLACES + EXTREMES
    if op in ("sin", "cos"):
        x = PLACES
    exact = [float(np.float32(value)) if dtype == "float32" else value for value in x]
    tolerance = 3e-6 if dtype == "float32" else 1e-13

    values = evaluate(op, attributes, x, dtype)

    assert values == pytest.approx([reference(value) for value in exact], rel=tolerance, abs=1e-37)


@pytest.mark.parametrize(("op", "attributes"), [(op, attributes) for op, attributes, _ in REFERENCES[:18]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_of_activations_stay_finite(op: str, attributes: Attributes, dtype: str) -> None:
    x = np.array(PLACES + EXTREMES)
    builder = GraphBuilder(1)
    shift = builder.data()
    last = builder.add(op, [shift], shape=(1,), attributes=attributes)
    graph = builder.finish(last)
    program = Program(graph, len(x), Parameters(graph, np.dtype(dtype)), Options(keep_all=True))
    site = program.sites[last.id]
    site.gy, site.wanted, site.calls = np.ones_like(program.output), (True,), []

    class Target:
        slope = np.full_like(program.output, np.nan)

        def target(self, _site: object, _index: int) -> np.ndarray:
            return self.slope

        def share(self, _site: object, _index: int) -> bool:
            return False

        def note(self, _site: object, _index: int, _product: object) -> None: ...

    site.targets = Target()
    OPS[op].gradient(site)
    program.x[:, 0] = x
    with np.errstate(all="ignore"):
        for call in (*program.forward, *site.calls):
            call()

    assert np.isfinite(Target.slope).all()


def test_not_a_number_passes_through_relu() -> None:
    assert math.isnan(evaluate("relu", {}, [math.nan], "float32")[0])
