"""The rectifier."""

import numpy as np

from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import as_onnx
from lockstep.core.model.ops.op import Op, ScalarRule


class Relu(Op):
    """y = max(x, 0); gradient 0 at 0."""

    name = "relu"
    formula = Notation("{y} = max({x}, 0)", ("∂{y}/∂{x} = 1 where {x} > 0, else 0",))
    # A NaN is neither above nor below 0, and has to go through.
    scalar = ScalarRule("0.0 if {a} <= 0.0 else {a}", ("({g} if {a} > 0.0 else 0.0)",))
    onnx = as_onnx("Relu")
    between_layers = True
    keeps_one = True
    rectifies = True
    absorbed_as = "relu"
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """By np.maximum, in pieces that a core's cache holds."""
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
