"""Arithmetic, functions and activations.

Where ONNX has an op of its own it is used only if onnxruntime computes it in float64 too; else the formula
is written out.
"""

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from lockstep.core.export.emitter import Emitter, Writer, Writers
from lockstep.core.model.graph import Node
from lockstep.core.model.ops.gelu import DENOMINATOR, FAR, NUMERATOR


def number(node: Node, name: str) -> float:
    """A numeric attribute of a node."""
    value = node.attributes[name]
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"expected a number in {name} of node {node.id}, got {value!r}")


def _same(op: str) -> Writer:
    """The op of ONNX on the same inputs."""

    def write(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
        return out.emit(op, *inputs, name=node.name)

    return write


def _tan(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("Div", out.emit("Sin", *inputs), out.emit("Cos", *inputs), name=node.name)


def _power_constant(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("Pow", inputs[0], out.number(number(node, "exponent")), name=node.name)


def _negative_part(out: Emitter, x: str) -> str:
    return out.emit("Min", x, out.number(0.0))


def _leaky_relu(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    below = out.emit("Mul", _negative_part(out, inputs[0]), out.number(number(node, "negative_slope")))
    return out.emit("Add", out.emit("Relu", inputs[0]), below, name=node.name)


def _elu(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    grown = out.emit("Sub", out.emit("Exp", _negative_part(out, inputs[0])), out.number(1.0))
    below = out.emit("Mul", grown, out.number(number(node, "alpha")))
    return out.emit("Add", out.emit("Relu", inputs[0]), below, name=node.name)


def _silu(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("Mul", inputs[0], out.emit("Sigmoid", inputs[0]), name=node.name)


def _gelu(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """x Φ(x), in float64 as core.model.ops.gelu computes it: onnxruntime has no error function there."""
    if out.dtype == np.float32:
        return out.emit("Gelu", *inputs, name=node.name)
    size = out.emit("Min", out.emit("Abs", *inputs), out.number(FAR))
    bell = out.emit("Exp", out.emit("Mul", out.emit("Mul", size, size), out.number(-0.5)))
    ratio = out.emit("Div", _polynomial(out, NUMERATOR, size), _polynomial(out, DENOMINATOR, size))
    tail = out.emit("Mul", out.emit("Mul", ratio, bell), size)
    return out.emit("Sub", out.emit("Relu", *inputs), tail, name=node.name)


def _polynomial(out: Emitter, coefficients: Sequence[float], x: str) -> str:
    """By Horner's scheme, the highest power first."""
    value = out.number(coefficients[0])
    for coefficient in coefficients[1:]:
        value = out.emit("Add", out.emit("Mul", value, x), out.number(coefficient))
    return value


def _gelu_tanh(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2."""
    x = inputs[0]
    cube = out.emit("Mul", out.emit("Mul", x, x), out.emit("Mul", x, out.number(0.044715)))
    scaled = out.emit("Mul", out.emit("Add", x, cube), out.number(math.sqrt(2.0 / math.pi)))
    share = out.emit("Add", out.emit("Tanh", scaled), out.number(1.0))
    return out.emit("Mul", out.emit("Mul", x, share), out.number(0.5), name=node.name)


def _softplus(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """max(βx, 0) + ln(1 + e^-|βx|), divided by β; x itself above the threshold."""
    beta = out.number(number(node, "beta"))
    scaled = out.emit("Mul", inputs[0], beta)
    small = out.emit("Exp", out.emit("Neg", out.emit("Abs", scaled)))
    bend = out.emit("Log", out.emit("Add", small, out.number(1.0)))
    soft = out.emit("Div", out.emit("Add", out.emit("Relu", scaled), bend), beta)
    above = out.emit("Greater", scaled, out.number(number(node, "threshold")))
    return out.emit("Where", above, inputs[0], soft, name=node.name)


def _clipped(out: Emitter, x: str, low: float, high: float) -> str:
    return out.emit("Clip", x, out.number(low), out.number(high))


def _hardtanh(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return _clipped(out, inputs[0], number(node, "min_val"), number(node, "max_val"))


def _relu6(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    del node
    return _clipped(out, inputs[0], 0.0, 6.0)


def _hardsigmoid(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    del node
    line = out.emit("Add", out.emit("Div", inputs[0], out.number(6.0)), out.number(0.5))
    return _clipped(out, line, 0.0, 1.0)


def _hardswish(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    return out.emit("Mul", inputs[0], _hardsigmoid(out, node, inputs), name=node.name)


def _over_last_axis(op: str) -> Writer:
    def write(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
        return out.emit(op, inputs[0], axis=-1, name=node.name)

    return write


_SAME = {
    "identity": "Identity",
    "dropout": "Identity",
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negate": "Neg",
    "power": "Pow",
    "sin": "Sin",
    "cos": "Cos",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}

WRITERS: Writers = MappingProxyType(
    {ours: _same(theirs) for ours, theirs in _SAME.items()}
    | {
        "tan": _tan,
        "power_constant": _power_constant,
        "leaky_relu": _leaky_relu,
        "elu": _elu,
        "silu": _silu,
        "gelu": _gelu,
        "gelu_tanh": _gelu_tanh,
        "softplus": _softplus,
        "hardtanh": _hardtanh,
        "relu6": _relu6,
        "hardsigmoid": _hardsigmoid,
        "hardswish": _hardswish,
        "softmax": _over_last_axis("Softmax"),
        "log_softmax": _over_last_axis("LogSoftmax"),
    }
)
