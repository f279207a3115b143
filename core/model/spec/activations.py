"""Activations: names, defaults and arithmetic of their torch.nn namesakes."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, SpecModel


class Relu(SpecModel):
    """max(0, x)."""

    type: Literal["relu"]


class LeakyRelu(SpecModel):
    """x where x > 0, else negative_slope * x."""

    type: Literal["leaky_relu"]
    negative_slope: Real = 0.01
    """the slope below zero"""


class Elu(SpecModel):
    """x where x > 0, else alpha * (exp(x) - 1)."""

    type: Literal["elu"]
    alpha: Real = 1.0
    """minus the value far below zero"""


class Gelu(SpecModel):
    """x * Φ(x), Φ being the normal distribution function."""

    type: Literal["gelu"]
    approximate: Literal["none", "tanh"] = "none"
    """ "tanh" takes an approximation of Φ by tanh"""


class Silu(SpecModel):
    """x * sigmoid(x)."""

    type: Literal["silu"]


class Sigmoid(SpecModel):
    """1 / (1 + exp(-x))."""

    type: Literal["sigmoid"]


class Tanh(SpecModel):
    """tanh(x)."""

    type: Literal["tanh"]


class Softplus(SpecModel):
    """ln(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    type: Literal["softplus"]
    beta: Annotated[Real, Field(gt=0)] = 1.0
    """how sharp the bend at zero is"""
    threshold: Real = 20.0
    """above this value of beta * x the result is x"""


class Hardtanh(SpecModel):
    """x, cut to min_val and max_val."""

    type: Literal["hardtanh"]
    min_val: Real = -1.0
    """the least value"""
    max_val: Real = 1.0
    """the greatest value"""


class Relu6(SpecModel):
    """min(max(0, x), 6)."""

    type: Literal["relu6"]


class Hardsigmoid(SpecModel):
    """x / 6 + 1/2, cut to 0 and 1."""

    type: Literal["hardsigmoid"]


class Hardswish(SpecModel):
    """x * hardsigmoid(x)."""

    type: Literal["hardswish"]


class Softmax(SpecModel):
    """exp(x) / Σ exp(x) over the last axis."""

    type: Literal["softmax"]


class LogSoftmax(SpecModel):
    """The logarithm of softmax over the last axis."""

    type: Literal["log_softmax"]
