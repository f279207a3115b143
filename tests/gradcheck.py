"""Gradients of a plan against central differences, and the small models that the tests of the engine use."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import TypeAdapter

from lockstep.core.engine.plan import Plan
from lockstep.core.losses import LossSpec, denominator, loss_of
from lockstep.core.model.build import build_graph
from lockstep.core.model.expression import expression_graph
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.op import Op
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import AnyLoss, ExpressionModel, TrainSpec

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
        self.partial = np.full(graph.size + graph.statistics + 1, np.nan, dtype)
        with np.errstate(all="ignore"):
            self.plan = Plan(loss, rows, self.parameters, self.partial)
        random = np.random.default_rng(7)
        self.plan.x[...] = random.uniform(0.3, 1.9, self.plan.x.shape)
        if loss_of(loss).targets.are_classes:
            self.plan.y[...] = random.integers(0, graph.outputs, self.plan.y.shape)
        else:
            self.plan.y[...] = random.uniform(0.0, 1.0, self.plan.y.shape)
        self.plan.denominator[...] = denominator(loss, self.plan.y)

    def value(self) -> float:
        """The loss at the current parameters, always with the same random numbers."""
        self.plan.at(0, 0)
        with np.errstate(all="ignore"):
            self.plan.run()
        return float(self.partial[-1]) / float(self.plan.denominator)

    def gradient(self) -> np.ndarray:
        """The plan's gradient (P,)."""
        self.value()
        return self.partial[: self.graph.size].copy()

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


def faulty(op: Op) -> Op:
    """The same op with a gradient that is a hundredth too large."""
    other = copy.copy(op)

    def gradient(site: Site) -> None:
        site.call(np.multiply, site.gy, site.number(1.01), site.gy)
        op.gradient(site)

    other.gradient = gradient  # type: ignore[method-assign]  # of this one alone
    return other


def loss(name: str, **settings: object) -> LossSpec:
    """A loss by its name, with these settings; huber and smooth_l1 bend within the made-up data."""
    bend = {"huber": {"delta": 0.4}, "smooth_l1": {"beta": 0.4}}.get(name, {})
    read: LossSpec = TypeAdapter(AnyLoss).validate_python({"type": name} | bend | settings)
    return read


def formula(text: str, parameters: Mapping[str, float], columns: int = 1) -> Graph:
    """The graph of an expression."""
    return expression_graph(ExpressionModel(expression=text, parameters=dict(parameters)), columns)


def network(layers: Sequence[object], columns: int, seed: int = 3) -> Graph:
    """The graph of layers."""
    return build_graph(spec_of({"layers": list(layers)}, seed=seed).model, columns)


def spec_of(model: Mapping[str, object], **changes: object) -> TrainSpec:
    """A spec with `model`; the rest is of no matter."""
    spec: dict[str, object] = {
        "model": model,
        "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
    }
    return TrainSpec.model_validate(spec | changes)
