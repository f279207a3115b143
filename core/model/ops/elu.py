"""The exponential linear unit."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.bends import positive
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class Elu(Op):
    """y = x where x > 0, else alpha * (e^x - 1)."""

    name = "elu"
    formula = Notation(
        "{y} = {x} where {x} > 0, else alpha (e^{x} - 1)", ("∂{y}/∂{x} = 1 where {x} > 0, else alpha e^{x}",)
    )
    between_layers = True
    keeps_one = True
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

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """max(x, 0) + alpha * (e^min(x, 0) - 1)."""
        below = out.emit("Min", inputs[0], out.number(0.0))
        grown = out.emit("Sub", out.emit("Exp", below), out.number(1.0))
        below = out.emit("Mul", grown, out.number(node.number("alpha")))
        return out.emit("Add", out.emit("Relu", inputs[0]), below, name=node.name)
