"""x Φ(x), Φ being the normal distribution function: exactly, or with an approximation of Φ by tanh."""

import math

import numpy as np

from lockstep.core.model.ops.activations import positive, sigmoid
from lockstep.core.model.ops.base import Op, Site

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


class GeluTanh(Op):
    """y = x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2."""

    name = "gelu_tanh"
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


def _polynomial(site: Site, coefficients: tuple[float, ...], x: np.ndarray, out: np.ndarray) -> None:
    """Append Horner's scheme: out = the polynomial at x."""
    first, second, *others = coefficients
    site.call(np.multiply, x, site.number(first), out)
    site.call(np.add, out, site.number(second), out)
    for coefficient in others:
        site.call(np.multiply, out, x, out)
        site.call(np.add, out, site.number(coefficient), out)


OPS: tuple[Op, ...] = (Gelu(), GeluTanh())
