"""Gradients of a plan against central differences, and the small models that the tests of the engine use."""

from collections.abc import Mapping

import numpy as np

from core.expression import expression_graph
from core.graph import Graph
from core.layers import build_graph
from core.losses import LossSpec, denominator, loss_of
from core.parameters import Parameters
from core.plan import Plan
from core.spec import ExpressionModel, HuberLoss, PlainLoss, TrainSpec

STEP = 1e-6
"""Half the distance of two points; the error is about STEP² and 1e-16 / STEP."""
TOLERANCE = 1e-7


class Model:
    """A graph with parameters, one plan for `rows` rows, and made-up data."""

    def __init__(self, graph: Graph, loss: LossSpec, rows: int = 5, dtype: str = "float64") -> None:
        self.graph = graph
        self.loss = loss
        self.parameters = Parameters(graph, np.dtype(dtype))
        self.parameters.initialize(seed=3)
        self.partial = np.full(graph.size + 1, np.nan, dtype)
        with np.errstate(all="ignore"):
            self.plan = Plan(graph, loss, rows, self.parameters, self.partial)
        self.plan.denominator[...] = denominator(loss, rows, graph.outputs)
        random = np.random.default_rng(7)
        self.plan.x[...] = random.uniform(0.3, 1.9, self.plan.x.shape)
        if loss_of(loss).classes:
            self.plan.y[...] = random.integers(0, graph.outputs, self.plan.y.shape)
        else:
            self.plan.y[...] = random.uniform(0.0, 1.0, self.plan.y.shape)

    def value(self) -> float:
        """The loss at the current parameters."""
        with np.errstate(all="ignore"):
            self.plan.run()
        return float(self.partial[-1]) / float(self.plan.denominator)

    def gradient(self) -> np.ndarray:
        """The plan's gradient (P,)."""
        self.value()
        return self.partial[:-1].copy()

    def difference(self, direction: np.ndarray) -> float:
        """The loss's slope along `direction` (P,), by central differences."""
        start = self.parameters.flat.copy()
        self.parameters.flat[:] = start + STEP * direction
        above = self.value()
        self.parameters.flat[:] = start - STEP * direction
        below = self.value()
        self.parameters.flat[:] = start
        return (above - below) / (2 * STEP)

    def worst_error(self) -> float:
        """The gradient's largest relative error: of each element (60 at most), and along a random line."""
        gradient = self.gradient()
        random = np.random.default_rng(11)
        unit = np.eye(len(gradient))[random.permutation(len(gradient))[:60]]
        line = random.choice([-1.0, 1.0], (1, len(gradient)))
        errors = [
            abs(self.difference(direction) - float(gradient @ direction))
            / max(1.0, abs(float(gradient @ direction)))
            for direction in np.concatenate([unit, line])
        ]
        return max(errors)


def loss(name: str) -> LossSpec:
    """A loss by its name."""
    return HuberLoss(type="huber", delta=0.4) if name == "huber" else PlainLoss.model_validate({"type": name})


def formula(text: str, parameters: Mapping[str, float], columns: int = 1) -> Graph:
    """The graph of an expression."""
    return expression_graph(ExpressionModel(expression=text, parameters=dict(parameters)), columns)


def network(layers: list[object], columns: int, seed: int = 3) -> Graph:
    """The graph of layers."""
    return build_graph(spec_of({"layers": layers}, seed=seed), columns)


def spec_of(model: Mapping[str, object], **changes: object) -> TrainSpec:
    """A spec with `model`; the rest is of no matter."""
    spec: dict[str, object] = {
        "model": model,
        "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
    }
    return TrainSpec.model_validate(spec | changes)
