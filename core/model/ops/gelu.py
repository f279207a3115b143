"""x Φ(x), Φ being the normal distribution function: exactly, or with an approximation of Φ by tanh."""

import math
from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.bends import positive
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.sigmoid import sigmoid

# Φ(-a) = e^(-a²/2) P(a) / Q(a) for a >= 0: algorithm 5666 of J. F. Hart et al., "Computer Approximations"
# (1968), with the coefficients of G. West, "Better approximations to cumulative normal functions", Wilmott
# Magazine (2005), highest power first. Its error is at most 2e-16, and no branch is taken.
NUMERATOR = (
    3.52624965998911e-02,
    0.700383064443688,
    6.37396220353165,
    33.912866078383,
    112.079291497871,
    221.213596169931,
    220.206867912376,
)
DENOMINATOR = (
    8.83883476483184e-02,
    1.75566716318264,
    16.064177579207,
    86.7807322029461,
    296.564248779674,
    637.333633378831,
    793.826512519948,
    440.413735824752,
)
FAR = 40.0
"""Beyond it e^(-a²/2) is 0, even in float64; the powers of a stay finite."""
_CUBE = 0.044715
"""The constant of the approximation by tanh: D. Hendrycks, K. Gimpel, arXiv:1606.08415 (2016)."""
_FAR_SQUARE = 100.0
"""Beyond it tanh is 1, even in float64; so x² is cut there and x³ stays finite."""


class Gelu(Op):
    """y = x Φ(x)."""

    name = "gelu"
    formula = Notation("{y} = {x} Φ({x}), Φ the normal distribution", ("∂{y}/∂{x} = Φ({x}) + {x} Φ'({x})",))
    elementwise = True

    def forward(self, site: Site) -> None:
        """With a = |x| and the tail t = Φ(-a): x Φ(x) = max(x, 0) - a t. Bell e^(-a²/2) and tail are kept."""
        x, y = site.x[0], site.y
        size, bell, tail = (site.buffer(y) for _ in range(3))
        site.kept |= {"bell": bell, "tail": tail}
        site.call(np.abs, x, size)
        site.call(np.minimum, size, site.full(y, FAR), out=size)
        site.call(np.multiply, size, size, bell)
        site.call(np.multiply, bell, site.number(-0.5), bell)
        site.call(np.exp, bell, bell)
        _polynomial(site, NUMERATOR, size, tail)
        _polynomial(site, DENOMINATOR, size, y)
        site.call(np.divide, tail, y, tail)
        site.call(np.multiply, tail, bell, tail)
        site.call(np.multiply, size, tail, size)
        site.call(np.maximum, x, site.full(y, 0.0), out=y)
        site.call(np.subtract, y, size, y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (Φ(x) + x φ(x)), φ(x) = e^(-x²/2) / √(2π).

        With s = [x > 0], Φ(x) = s + (1 - 2 s) t: both halves of the line to full precision.
        """
        x, tail, bell = site.x[0], site.kept["tail"], site.kept["bell"]
        above, factor = positive(site), site.buffer(x)
        site.call(np.multiply, above, site.number(-2.0), factor)
        site.call(np.add, factor, site.number(1.0), factor)
        site.call(np.multiply, factor, tail, factor)
        site.call(np.add, factor, above, factor)
        site.call(np.multiply, x, bell, above)
        site.call(np.multiply, above, site.number(1.0 / math.sqrt(2.0 * math.pi)), above)
        site.call(np.add, factor, above, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """In float64 as `forward` computes it: onnxruntime has no error function there."""
        if out.dtype == np.float32:
            return out.emit("Gelu", *inputs, name=node.name)
        size = out.emit("Min", out.emit("Abs", *inputs), out.number(FAR))
        bell = out.emit("Exp", out.emit("Mul", out.emit("Mul", size, size), out.number(-0.5)))
        numerator, denominator = (_onnx_polynomial(out, each, size) for each in (NUMERATOR, DENOMINATOR))
        ratio = out.emit("Div", numerator, denominator)
        tail = out.emit("Mul", out.emit("Mul", ratio, bell), size)
        return out.emit("Sub", out.emit("Relu", *inputs), tail, name=node.name)


class GeluTanh(Op):
    """y = x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2."""

    name = "gelu_tanh"
    formula = Notation(
        "{y} = {x} s, s = (1 + tanh(√(2/π) ({x} + 0.044715 {x}³))) / 2",
        ("∂{y}/∂{x} = s + 2 {x} s (1 - s) √(2/π) (1 + 0.134145 {x}²)",),
    )
    elementwise = True

    def forward(self, site: Site) -> None:
        """(1 + tanh u) / 2 is the sigmoid of 2 u; it and the square are kept."""
        x, y = site.x[0], site.y
        square, share = site.buffer(y), site.buffer(y)
        site.kept |= {"square": square, "share": share}
        site.call(np.multiply, x, x, square)
        site.call(np.minimum, square, site.full(y, _FAR_SQUARE), out=square)
        site.call(np.multiply, square, site.number(2.0 * _CUBE * math.sqrt(2.0 / math.pi)), share)
        site.call(np.add, share, site.number(2.0 * math.sqrt(2.0 / math.pi)), share)
        site.call(np.multiply, share, x, share)
        sigmoid(site, share, share)
        site.call(np.multiply, x, share, y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (s + 2 x s (1 - s) √(2/π) (1 + 3 · 0.044715 x²)), s = (1 + tanh u) / 2."""
        x, square, share = site.x[0], site.kept["square"], site.kept["share"]
        slope, factor = site.buffer(x), site.buffer(x)
        site.call(np.multiply, square, site.number(6.0 * _CUBE * math.sqrt(2.0 / math.pi)), slope)
        site.call(np.add, slope, site.number(2.0 * math.sqrt(2.0 / math.pi)), slope)
        site.call(np.multiply, slope, x, slope)
        site.call(np.subtract, site.number(1.0), share, factor)
        site.call(np.multiply, factor, share, factor)
        site.call(np.multiply, factor, slope, factor)
        site.call(np.add, factor, share, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2."""
        x = inputs[0]
        cube = out.emit("Mul", out.emit("Mul", x, x), out.emit("Mul", x, out.number(_CUBE)))
        scaled = out.emit("Mul", out.emit("Add", x, cube), out.number(math.sqrt(2.0 / math.pi)))
        share = out.emit("Add", out.emit("Tanh", scaled), out.number(1.0))
        return out.emit("Mul", out.emit("Mul", x, share), out.number(0.5), name=node.name)


def _polynomial(site: Site, coefficients: tuple[float, ...], x: np.ndarray, out: np.ndarray) -> None:
    """Append Horner's scheme: out = the polynomial at x."""
    first, second, *others = coefficients
    site.call(np.multiply, x, site.number(first), out)
    site.call(np.add, out, site.number(second), out)
    for coefficient in others:
        site.call(np.multiply, out, x, out)
        site.call(np.add, out, site.number(coefficient), out)


def _onnx_polynomial(out: OnnxGraph, coefficients: Sequence[float], x: str) -> str:
    """By Horner's scheme, the highest power first."""
    value = out.number(coefficients[0])
    for coefficient in coefficients[1:]:
        value = out.emit("Add", out.emit("Mul", value, x), out.number(coefficient))
    return value
