"""Activations of layers: the names, defaults and arithmetic of their torch.nn namesakes.

All are stable for any finite input: exp is taken of what is at most 0, or its overflow ends in the right
limit.
"""

import numpy as np

from lockstep.core.model.ops.base import Op, Site


class Identity(Op):
    """y = x."""

    name = "identity"
    elementwise = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """Nothing to do where input and output share an array."""
        if site.y is not site.x[0]:
            site.call(np.copyto, site.y, site.x[0])

    def gradient(self, site: Site) -> None:
        """∂x = ∂y."""
        site.give(0, site.gy)


class Relu(Op):
    """y = max(x, 0); gradient 0 at 0."""

    name = "relu"
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """One pass."""
        pieces = site.pieces(site.x[0], site.y)
        zeros = site.full(pieces[0][1], 0.0)
        for x, y in pieces:
            site.call(np.maximum, x, zeros[: len(y)], out=y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y where y > 0, else 0.

        The bits of y > 0 are a positive integer, those of 0 are 0 (of -0 the least integer), so min(bits, 1)
        is 1 and 0, and the bits of ∂y times that are those of ∂y or a zero. Two integer passes: half the time
        of a comparison and a product with booleans. (np.fmin is np.minimum of integers, in a call that costs
        less, since it may name its `out` by place.)
        """
        integer = np.dtype(f"i{site.dtype.itemsize}")
        pieces = site.pieces(site.y, site.gy, site.gx(0))
        ones, room = (site.buffer(pieces[0][0]).view(integer) for _ in range(2))
        ones.fill(1)
        for y, gy, gx in pieces:
            mask = y.view(integer) if site.spent else room[: len(y)]
            site.call(np.fmin, y.view(integer), ones[: len(y)], mask)
            site.call(np.multiply, gy.view(integer), mask, gx.view(integer))


class LeakyRelu(Op):
    """y = x where x > 0, else negative_slope * x."""

    name = "leaky_relu"
    elementwise = True

    def forward(self, site: Site) -> None:
        """y = max(x, 0) + slope * min(x, 0)."""
        x, y, zeros = site.x[0], site.y, site.full(site.y, 0.0)
        negative = site.buffer(y)
        site.call(np.minimum, x, zeros, out=negative)
        site.call(np.multiply, negative, site.number(site.attribute("negative_slope")), negative)
        site.call(np.maximum, x, zeros, out=y)
        site.call(np.add, y, negative, y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (slope + (1 - slope) [x > 0])."""
        slope = site.attribute("negative_slope")
        factor = positive(site)
        site.call(np.multiply, factor, site.number(1.0 - slope), factor)
        site.call(np.add, factor, site.number(slope), factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Elu(Op):
    """y = x where x > 0, else alpha * (e^x - 1)."""

    name = "elu"
    elementwise = True

    def forward(self, site: Site) -> None:
        """y = max(x, 0) + alpha * expm1(min(x, 0)): the exponent never overflows."""
        x, y, zeros = site.x[0], site.y, site.full(site.y, 0.0)
        below = site.kept["below"] = site.buffer(y)
        site.call(np.minimum, x, zeros, out=below)
        site.call(np.expm1, below, below)
        site.call(np.multiply, below, site.number(site.attribute("alpha")), below)
        site.call(np.maximum, x, zeros, out=y)
        site.call(np.add, y, below, y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y where x > 0, else ∂y alpha e^x; alpha e^x is alpha (e^x - 1) + alpha, already there."""
        alpha, factor, above = site.attribute("alpha"), site.buffer(site.y), positive(site)
        site.call(np.add, site.kept["below"], site.number(alpha), factor)
        site.call(np.multiply, above, site.number(1.0 - alpha), above)
        site.call(np.add, factor, above, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Sigmoid(Op):
    """y = 1 / (1 + e^-x); e^-x may overflow to infinity, which gives the right 0."""

    name = "sigmoid"
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """Four passes."""
        sigmoid(site, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y y (1 - y)."""
        factor = site.buffer(site.y)
        site.call(np.subtract, site.number(1.0), site.y, factor)
        site.call(np.multiply, factor, site.y, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Silu(Op):
    """y = x sigmoid(x)."""

    name = "silu"
    elementwise = True
    reads_output = True

    def forward(self, site: Site) -> None:
        """The sigmoid is kept for the gradient."""
        gate = site.kept["gate"] = site.buffer(site.y)
        sigmoid(site, site.x[0], gate)
        site.call(np.multiply, site.x[0], gate, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (s + y (1 - s)), s the sigmoid."""
        gate, factor = site.kept["gate"], site.buffer(site.y)
        site.call(np.subtract, site.number(1.0), gate, factor)
        site.call(np.multiply, factor, site.y, factor)
        site.call(np.add, factor, gate, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Tanh(Op):
    """y = tanh x."""

    name = "tanh"
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """One pass."""
        site.call(np.tanh, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (1 - y²)."""
        factor = site.buffer(site.y)
        site.call(np.multiply, site.y, site.y, factor)
        site.call(np.subtract, site.number(1.0), factor, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Softplus(Op):
    """y = ln(1 + e^(beta x)) / beta, and y = x where beta x > threshold."""

    name = "softplus"
    elementwise = True

    def forward(self, site: Site) -> None:
        """With t = beta x: (max(t, 0) + log1p(e^-|t|)) / beta; then x itself above the threshold."""
        x, y, beta = site.x[0], site.y, site.number(site.attribute("beta"))
        scaled, top = site.buffer(y), site.buffer(y)
        site.kept["scaled"] = scaled
        site.call(np.multiply, x, beta, scaled)
        site.call(np.abs, scaled, y)
        site.call(np.negative, y, y)
        site.call(np.exp, y, y)
        site.call(np.log1p, y, y)
        site.call(np.maximum, scaled, site.full(y, 0.0), out=top)
        site.call(np.add, y, top, y)
        site.call(np.divide, y, beta, y)
        linear = np.empty_like(y, dtype=bool)
        site.kept["linear"] = linear
        site.call(np.greater, scaled, site.number(site.attribute("threshold")), linear)
        site.call(np.copyto, y, x, where=linear)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y sigmoid(beta x), and ∂y above the threshold."""
        factor = site.buffer(site.y)
        sigmoid(site, site.kept["scaled"], factor)
        site.call(np.copyto, factor, site.number(1.0), where=site.kept["linear"])
        site.call(np.multiply, site.gy, factor, site.gx(0))


def sigmoid(site: Site, x: np.ndarray, out: np.ndarray) -> None:
    """Append out = 1 / (1 + e^-x); `out` may be `x`."""
    one = site.number(1.0)
    site.call(np.negative, x, out)
    site.call(np.exp, out, out)
    site.call(np.add, out, one, out)
    site.call(np.divide, one, out, out)


def positive(site: Site) -> np.ndarray:
    """Append the computing of [x > 0] as numbers 0 and 1; give the array."""
    mask, numbers = np.empty_like(site.y, dtype=bool), site.buffer(site.y)
    site.call(np.greater, site.x[0], site.number(0.0), mask)
    # A comparison written straight to numbers would go through a temporary buffer at each step.
    site.call(np.copyto, numbers, mask)
    return numbers


OPS: tuple[Op, ...] = (
    Identity(),
    Relu(),
    LeakyRelu(),
    Elu(),
    Sigmoid(),
    Silu(),
    Tanh(),
    Softplus(),
)
