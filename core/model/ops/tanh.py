"""The hyperbolic tangent."""

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import as_onnx
from lockstep.core.model.ops.op import Op, ScalarRule


class Tanh(Op):
    """y = tanh x."""

    name = "tanh"
    formula = Notation("{y} = tanh {x}", ("∂{y}/∂{x} = 1 - {y}²",))
    scalar = ScalarRule("tanh({a})", ("{g} * (1.0 - {y} * {y})",))
    onnx = as_onnx("Tanh")
    between_layers = True
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """By np.tanh."""
        site.call(np.tanh, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (1 - y²)."""
        factor = site.buffer(site.y)
        site.call(np.multiply, site.y, site.y, factor)
        site.call(np.subtract, site.number(1.0), factor, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))

    def limits(self, node: Node) -> tuple[float, float]:  # noqa: ARG002 - the same for all
        """-1 and 1."""
        return -1.0, 1.0
