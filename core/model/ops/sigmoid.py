"""The logistic function, and x times it."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph, as_onnx
from lockstep.core.model.ops.op import Op, ScalarRule


class Sigmoid(Op):
    """y = 1 / (1 + e^-x); e^-x may overflow to infinity, which gives the right 0."""

    name = "sigmoid"
    formula = Notation("{y} = 1 / (1 + e^-{x})", ("∂{y}/∂{x} = {y} (1 - {y})",))
    scalar = ScalarRule("1.0 / (exp(-{a}) + 1.0)", ("{g} * ((1.0 - {y}) * {y})",))
    onnx = as_onnx("Sigmoid")
    between_layers = True
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

    def limits(self, node: Node) -> tuple[float, float]:  # noqa: ARG002 - the same for all
        """0 and 1."""
        return 0.0, 1.0


class Silu(Op):
    """y = x sigmoid(x)."""

    name = "silu"
    formula = Notation("{y} = {x} sigmoid({x})", ("∂{y}/∂{x} = s + {y} (1 - s), s = sigmoid({x})",))
    between_layers = True
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

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """By the sigmoid."""
        return out.emit("Mul", inputs[0], out.emit("Sigmoid", inputs[0]), name=node.name)


def sigmoid(site: Site, x: np.ndarray, out: np.ndarray) -> None:
    """Append out = 1 / (1 + e^-x); `out` may be `x`."""
    one = site.number(1.0)
    site.call(np.negative, x, out)
    site.call(np.exp, out, out)
    site.call(np.add, out, one, out)
    site.call(np.divide, one, out, out)
