"""Activations: names, defaults and arithmetic of their torch.nn namesakes."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.base import Misfit, SingleLayer


class Activation(SingleLayer):
    """A layer of the op of its name, which leaves the shape as it is; the keys are the op's attributes."""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """One node."""
        settings = self.model_dump(exclude={"type"})
        return builder.add(self.type, [x], shape=x.shape, name=name, attributes=settings)


class Relu(Activation):
    """max(0, x)."""

    type: Literal["relu"]


class LeakyRelu(Activation):
    """x where x > 0, else negative_slope * x."""

    type: Literal["leaky_relu"]
    negative_slope: Real = 0.01
    """the slope below zero"""


class Elu(Activation):
    """x where x > 0, else alpha * (exp(x) - 1)."""

    type: Literal["elu"]
    alpha: Real = 1.0
    """minus the value far below zero"""


class Gelu(Activation):
    """x * Φ(x), Φ being the normal distribution function."""

    type: Literal["gelu"]
    approximate: Literal["none", "tanh"] = "none"
    """ "tanh" takes an approximation of Φ by tanh"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """Exact, or with the approximation by tanh."""
        op = "gelu" if self.approximate == "none" else "gelu_tanh"
        return builder.add(op, [x], shape=x.shape, name=name)


class Silu(Activation):
    """x * sigmoid(x)."""

    type: Literal["silu"]
    aliases = ("swish",)


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    type: Literal["sigmoid"]
    aliases = ("logistic",)


class Tanh(Activation):
    """tanh(x)."""

    type: Literal["tanh"]


class Softplus(Activation):
    """ln(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    type: Literal["softplus"]
    beta: Annotated[Real, Field(gt=0)] = 1.0
    """how sharp the bend at zero is"""
    threshold: Real = 20.0
    """above this value of beta * x the result is x"""


class Hardtanh(Activation):
    """x, cut to min_val and max_val."""

    type: Literal["hardtanh"]
    min_val: Real = -1.0
    """the least value"""
    max_val: Real = 1.0
    """the greatest value"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """Its bounds have an order."""
        if self.min_val >= self.max_val:
            message = f"expected a number below max_val, {self.max_val:g}, got {self.min_val:g}; lower it"
            raise Misfit("min_val", "out_of_range", message, x.shape)
        return super().append(builder, x, name)


class Relu6(Activation):
    """min(max(0, x), 6)."""

    type: Literal["relu6"]


class Hardsigmoid(Activation):
    """x / 6 + 1/2, cut to 0 and 1."""

    type: Literal["hardsigmoid"]


class Hardswish(Activation):
    """x * hardsigmoid(x)."""

    type: Literal["hardswish"]


class Softmax(Activation):
    """exp(x) / Σ exp(x) over the last axis."""

    type: Literal["softmax"]


class LogSoftmax(Activation):
    """The logarithm of softmax over the last axis."""

    type: Literal["log_softmax"]
    gives_logs = True
