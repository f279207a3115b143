"""Functions of expressions that are not activations of layers too, by the names of an expression."""

from collections.abc import Sequence

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph, as_onnx
from lockstep.core.model.ops.op import Op, ScalarRule


class Sin(Op):
    """y = sin x."""

    name = "sin"
    formula = Notation("{y} = sin {x}", ("∂{y}/∂{x} = cos {x}",))
    scalar = ScalarRule("sin({a})", ("{g} * cos({a})",))
    onnx = as_onnx("Sin")
    elementwise = True

    def forward(self, site: Site) -> None:
        """By np.sin."""
        site.call(np.sin, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y cos x."""
        factor = site.buffer(site.y)
        site.call(np.cos, site.x[0], factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Cos(Op):
    """y = cos x."""

    name = "cos"
    formula = Notation("{y} = cos {x}", ("∂{y}/∂{x} = -sin {x}",))
    scalar = ScalarRule("cos({a})", ("{g} * -sin({a})",))
    onnx = as_onnx("Cos")
    elementwise = True

    def forward(self, site: Site) -> None:
        """By np.cos."""
        site.call(np.cos, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = -∂y sin x."""
        factor = site.buffer(site.y)
        site.call(np.sin, site.x[0], factor)
        site.call(np.negative, factor, factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))


class Tan(Op):
    """y = tan x."""

    name = "tan"
    formula = Notation("{y} = tan {x}", ("∂{y}/∂{x} = 1 + {y}²",))
    scalar = ScalarRule("tan({a})", ("{g} * ({y} * {y} + 1.0)",))
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """By np.tan."""
        site.call(np.tan, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y (1 + y²)."""
        factor = site.buffer(site.y)
        site.call(np.multiply, site.y, site.y, factor)
        site.call(np.add, factor, site.number(1.0), factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """sin x / cos x: onnxruntime has no tan in float64."""
        return out.emit("Div", out.emit("Sin", *inputs), out.emit("Cos", *inputs), name=node.name)


class Exp(Op):
    """y = e^x."""

    name = "exp"
    formula = Notation("{y} = e^{x}", ("∂{y}/∂{x} = {y}",))
    scalar = ScalarRule("exp({a})", ("{g} * {y}",))
    onnx = as_onnx("Exp")
    elementwise = True
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """By np.exp."""
        site.call(np.exp, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y y."""
        site.call(np.multiply, site.gy, site.y, site.gx(0))


class Log(Op):
    """y = ln x, for x > 0."""

    name = "log"
    formula = Notation("{y} = ln {x}", ("∂{y}/∂{x} = 1 / {x}",))
    scalar = ScalarRule("log({a})", ("{g} / {a}",))
    onnx = as_onnx("Log")
    elementwise = True
    domain = "a number above 0"

    def forward(self, site: Site) -> None:
        """By np.log."""
        site.call(np.log, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y / x."""
        site.call(np.divide, site.gy, site.x[0], site.gx(0))

    def outside(self, site: Site) -> np.ndarray:
        """0 and below."""
        return np.asarray(site.x[0] <= 0)


class Sqrt(Op):
    """y = √x, for x >= 0; its slope is infinite at 0."""

    name = "sqrt"
    formula = Notation("{y} = √{x}", ("∂{y}/∂{x} = 1 / (2 {y})",))
    onnx = as_onnx("Sqrt")
    elementwise = True
    domain = "a number above 0"
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """By np.sqrt."""
        site.call(np.sqrt, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y / (2 y)."""
        factor = site.buffer(site.y)
        site.call(np.multiply, site.y, site.number(2.0), factor)
        site.call(np.divide, site.gy, factor, site.gx(0))

    def outside(self, site: Site) -> np.ndarray:
        """Below 0."""
        return np.asarray(site.x[0] < 0)

    def steep(self, site: Site, index: int) -> np.ndarray:  # noqa: ARG002 - there is but one input
        """At 0."""
        return np.where(site.x[0] == 0, np.inf, 0.0)


class Abs(Op):
    """y = |x|; gradient 0 at 0."""

    name = "abs"
    formula = Notation("{y} = |{x}|", ("∂{y}/∂{x} = sign {x}, and 0 at 0",))
    scalar = ScalarRule("abs({a})", ("({g} if {a} > 0.0 else -{g} if {a} < 0.0 else 0.0)",))
    onnx = as_onnx("Abs")
    elementwise = True

    def forward(self, site: Site) -> None:
        """By np.abs."""
        site.call(np.abs, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y sign x."""
        factor = site.buffer(site.y)
        site.call(np.sign, site.x[0], factor)
        site.call(np.multiply, site.gy, factor, site.gx(0))
