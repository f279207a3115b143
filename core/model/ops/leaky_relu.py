"""The rectifier with a slope below zero."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.bends import positive
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class LeakyRelu(Op):
    """y = x where x > 0, else negative_slope * x."""

    name = "leaky_relu"
    formula = Notation(
        "{y} = {x} where {x} > 0, else slope {x}", ("∂{y}/∂{x} = 1 where {x} > 0, else slope",)
    )
    between_layers = True
    keeps_one = True
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

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """max(x, 0) + slope * min(x, 0)."""
        below = out.emit("Min", inputs[0], out.number(0.0))
        below = out.emit("Mul", below, out.number(node.number("negative_slope")))
        return out.emit("Add", out.emit("Relu", inputs[0]), below, name=node.name)
