"""Activations made of straight pieces; slopes at the bends are those of torch."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.bends import between
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.ops.op import Op


class Hardtanh(Op):
    """y = x, cut to min_val and max_val; gradient 0 at both."""

    name = "hardtanh"
    formula = Notation("{y} = {x} cut to its limits", ("∂{y}/∂{x} = 1 between the limits, else 0",))
    elementwise = True
    reads_input = False
    reads_output = True

    def bounds(self, node: Node) -> tuple[float, float]:
        """The least and the greatest value."""
        return node.number("min_val"), node.number("max_val")

    def forward(self, site: Site) -> None:
        """Two passes."""
        low, high = self.bounds(site.node)
        site.call(np.maximum, site.x[0], site.full(site.y, low), out=site.y)
        site.call(np.minimum, site.y, site.full(site.y, high), out=site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y where y lies between the bounds, else 0."""
        low, high = self.bounds(site.node)
        inside = between(site, site.y, low, high)
        site.call(np.multiply, site.gy, inside, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Cut to the bounds."""
        low, high = self.bounds(node)
        return out.emit("Clip", inputs[0], out.number(low), out.number(high))

    def limits(self, node: Node) -> tuple[float, float] | None:
        """The bounds."""
        return self.bounds(node)


class Relu6(Hardtanh):
    """y = x, cut to 0 and 6."""

    name = "relu6"
    formula = Notation("{y} = min(max({x}, 0), 6)", ("∂{y}/∂{x} = 1 where 0 < {x} < 6, else 0",))
    rectifies = True

    def bounds(self, node: Node) -> tuple[float, float]:  # noqa: ARG002 - the same for all
        """0 and 6."""
        return 0.0, 6.0

    def limits(self, node: Node) -> tuple[float, float] | None:  # noqa: ARG002 - none for all
        """None: at 0 it is dead rather."""
        return None


class Hardsigmoid(Op):
    """y = x / 6 + 1/2, cut to 0 and 1."""

    name = "hardsigmoid"
    formula = Notation("{y} = {x} / 6 + 1/2 cut to 0..1", ("∂{y}/∂{x} = 1/6 where -3 < {x} < 3, else 0",))
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """Four passes."""
        _gate(site, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y / 6 where y lies between 0 and 1, else 0."""
        inside = between(site, site.y, 0.0, 1.0)
        site.call(np.multiply, inside, site.number(1.0 / 6.0), inside)
        site.call(np.multiply, site.gy, inside, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Written out: ONNX's own knows no float64 in onnxruntime."""
        del node
        return _onnx_gate(out, inputs[0])

    def limits(self, node: Node) -> tuple[float, float]:  # noqa: ARG002 - the same for all
        """0 and 1."""
        return 0.0, 1.0


class Hardswish(Op):
    """y = x g, with the gate g = x / 6 + 1/2, cut to 0 and 1."""

    name = "hardswish"
    formula = Notation(
        "{y} = {x} hardsigmoid({x})", ("∂{y}/∂{x} = {x} / 3 + 1/2 where -3 < {x} < 3, else 0 below, 1 above",)
    )
    elementwise = True

    def forward(self, site: Site) -> None:
        """The gate is kept."""
        gate = site.kept["gate"] = site.buffer(site.y)
        _gate(site, gate)
        site.call(np.multiply, site.x[0], gate, site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (g + x / 6 where the gate lies between 0 and 1, else g, which is 0 or 1)."""
        gate = site.kept["gate"]
        slope = between(site, gate, 0.0, 1.0)
        site.call(np.multiply, slope, site.number(1.0 / 6.0), slope)
        site.call(np.multiply, slope, site.x[0], slope)
        site.call(np.add, slope, gate, slope)
        site.call(np.multiply, site.gy, slope, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """By the gate."""
        return out.emit("Mul", inputs[0], _onnx_gate(out, inputs[0]), name=node.name)


def _gate(site: Site, out: np.ndarray) -> None:
    """Append out = x / 6 + 1/2, cut to 0 and 1."""
    site.call(np.divide, site.x[0], site.number(6.0), out)
    site.call(np.add, out, site.number(0.5), out)
    site.call(np.maximum, out, site.full(out, 0.0), out=out)
    site.call(np.minimum, out, site.full(out, 1.0), out=out)


def _onnx_gate(out: OnnxGraph, x: str) -> str:
    line = out.emit("Add", out.emit("Div", x, out.number(6.0)), out.number(0.5))
    return out.emit("Clip", line, out.number(0.0), out.number(1.0))
