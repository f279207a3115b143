"""The smooth rectifier."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.sigmoid import sigmoid


class Softplus(Op):
    """y = ln(1 + e^(beta x)) / beta, and y = x where beta x > threshold."""

    name = "softplus"
    formula = Notation("{y} = ln(1 + e^(beta {x})) / beta", ("∂{y}/∂{x} = sigmoid(beta {x})",))
    between_layers = True
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

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """As in `forward`: ONNX's own knows neither beta nor threshold."""
        beta = out.number(node.number("beta"))
        scaled = out.emit("Mul", inputs[0], beta)
        small = out.emit("Exp", out.emit("Neg", out.emit("Abs", scaled)))
        bend = out.emit("Log", out.emit("Add", small, out.number(1.0)))
        soft = out.emit("Div", out.emit("Add", out.emit("Relu", scaled), bend), beta)
        above = out.emit("Greater", scaled, out.number(node.number("threshold")))
        return out.emit("Where", above, inputs[0], soft, name=node.name)
