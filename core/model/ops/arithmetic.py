"""+ − × ÷ ** and the unary minus of expressions.

Operands are scalars () or columns (rows,); a scalar meets a column by numpy's broadcasting, and its gradient
is the sum over the rows.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph, as_onnx
from lockstep.core.model.ops.op import Op, ScalarRule


class Add(Op):
    """y = a + b."""

    name = "add"
    formula = Notation("{y} = {a} + {b}", ("∂{y}/∂{a} = 1", "∂{y}/∂{b} = 1"))
    symbol = "+"
    scalar = ScalarRule("{a} + {b}", ("{g}", "{g}"))
    onnx = as_onnx("Add")
    reads_input = False
    any_layout = True

    def forward(self, site: Site) -> None:
        """By np.add."""
        site.call(np.add, site.x[0], site.x[1], site.y)

    def gradient(self, site: Site) -> None:
        """∂a = ∂b = ∂y."""
        for index in (0, 1):
            if site.wanted[index]:
                site.give(index, site.gy)


class Subtract(Op):
    """y = a - b."""

    name = "subtract"
    formula = Notation("{y} = {a} - {b}", ("∂{y}/∂{a} = 1", "∂{y}/∂{b} = -1"))
    symbol = "−"
    scalar = ScalarRule("{a} - {b}", ("{g}", "-{g}"))
    onnx = as_onnx("Sub")
    reads_input = False

    def forward(self, site: Site) -> None:
        """By np.subtract."""
        site.call(np.subtract, site.x[0], site.x[1], site.y)

    def gradient(self, site: Site) -> None:
        """∂a = ∂y, ∂b = -∂y. b first: ∂a may take over the array of ∂y, but reads it only after this node."""
        if site.wanted[1]:
            site.give_product(1, site.gy, site.number(-1.0))
        if site.wanted[0]:
            site.give(0, site.gy)


class Multiply(Op):
    """y = a b."""

    name = "multiply"
    formula = Notation("{y} = {a} × {b}", ("∂{y}/∂{a} = {b}", "∂{y}/∂{b} = {a}"))
    symbol = "×"
    scalar = ScalarRule("{a} * {b}", ("{g} * {b}", "{g} * {a}"))
    onnx = as_onnx("Mul")

    def forward(self, site: Site) -> None:
        """By np.multiply."""
        site.call(np.multiply, site.x[0], site.x[1], site.y)

    def gradient(self, site: Site) -> None:
        """∂a = ∂y b, ∂b = ∂y a."""
        for index in (0, 1):
            if site.wanted[index]:
                site.give_product(index, site.gy, site.x[1 - index])


class Divide(Op):
    """y = a / b."""

    name = "divide"
    formula = Notation("{y} = {a} / {b}", ("∂{y}/∂{a} = 1 / {b}", "∂{y}/∂{b} = -{a} / {b}²"))
    symbol = "÷"
    scalar = ScalarRule("{a} / {b}", ("{g} / {b}", "-({g} / {b}) * {y}"))
    onnx = as_onnx("Div")
    reads_output = True
    domain = "a divisor other than 0"

    def forward(self, site: Site) -> None:
        """By np.divide."""
        site.call(np.divide, site.x[0], site.x[1], site.y)

    def gradient(self, site: Site) -> None:
        """∂a = ∂y / b, ∂b = -∂y y / b."""
        quotient = site.buffer(site.y)
        site.call(np.divide, site.gy, site.x[1], quotient)
        if site.wanted[0]:
            site.give(0, quotient)
        if site.wanted[1]:
            site.call(np.negative, quotient, quotient)
            site.give_product(1, quotient, site.y)

    def outside(self, site: Site) -> np.ndarray:
        """A divisor of 0."""
        return np.broadcast_to(site.x[1] == 0, site.y.shape)


class Negate(Op):
    """y = -x."""

    name = "negate"
    formula = Notation("{y} = -{x}", ("∂{y}/∂{x} = -1",))
    symbol = "−"
    scalar = ScalarRule("-{a}", ("-{g}",))
    onnx = as_onnx("Neg")
    elementwise = True
    reads_input = False

    def forward(self, site: Site) -> None:
        """By np.negative."""
        site.call(np.negative, site.x[0], site.y)

    def gradient(self, site: Site) -> None:
        """∂x = -∂y."""
        site.call(np.negative, site.gy, site.gx(0))


class Power(Op):
    """y = a ** b, both of them anything: parameters, columns, constants."""

    name = "power"
    formula = Notation("{y} = {a}^{b}", ("∂{y}/∂{a} = {b} {a}^({b}-1)", "∂{y}/∂{b} = {a}^{b} ln {a}"))
    symbol = "^"
    onnx = as_onnx("Pow")
    reads_output = True
    domain = "a base above 0, or below 0 with a whole exponent that is not learned"

    def forward(self, site: Site) -> None:
        """By np.power."""
        site.call(np.power, site.x[0], site.x[1], site.y)

    def gradient(self, site: Site) -> None:
        """∂a = ∂y b a^(b-1), ∂b = ∂y y ln a; both are 0 where their factor b or y is (as in 0^0 and ln 0)."""
        base, exponent = site.x
        if site.wanted[0]:
            slope, lower = site.buffer(site.y), site.buffer(exponent)
            site.call(np.subtract, exponent, site.number(1.0), lower)
            site.call(np.power, base, lower, slope)
            site.call(np.multiply, slope, exponent, slope)
            zero = np.empty(exponent.shape, dtype=bool)
            site.call(np.equal, exponent, site.number(0.0), zero)
            site.call(np.copyto, slope, site.number(0.0), where=zero)
            site.give_product(0, site.gy, slope)
        if site.wanted[1]:
            slope, logarithm = site.buffer(site.y), site.buffer(base)
            zero = np.empty(site.y.shape, dtype=bool)
            site.call(np.log, base, logarithm)
            site.call(np.multiply, logarithm, site.y, slope)
            site.call(np.equal, site.y, site.number(0.0), zero)
            site.call(np.copyto, slope, site.number(0.0), where=zero)
            site.give_product(1, site.gy, slope)

    def outside(self, site: Site) -> np.ndarray:
        """A negative base with a broken exponent, or 0 with a negative one."""
        return _outside_power(site.x[0], site.x[1])

    def steep(self, site: Site, index: int) -> np.ndarray:
        """By the base at 0 with an exponent between 0 and 1; by the exponent, whose slope is y ln a, where y

        is not 0: at 0^0, and below 0, where there is no logarithm.
        """
        base, exponent = site.x
        if index == 0:
            return _steep_power(base, exponent)
        of_zero = np.where((base == 0) & (exponent == 0), -np.inf, 0.0)
        return np.where((base < 0) & (site.y != 0), np.nan, of_zero)


_POWERS: Mapping[float, ScalarRule] = MappingProxyType(
    {
        -1.0: ScalarRule("1.0 / {a}", ("{g} * -({y} * {y})",)),
        1.0: ScalarRule("{a}", ("{g}",)),
        2.0: ScalarRule("{a} * {a}", ("{g} * ({a} * 2.0)",)),
        3.0: ScalarRule("{a} * {a} * {a}", ("{g} * ({a} * {a} * 3.0)",)),
        4.0: ScalarRule("({a} * {a}) * ({a} * {a})", ("{g} * ({a} * {a} * {a} * 4.0)",)),
    }
)


class PowerConstant(Op):
    """y = x ** exponent for an exponent that is written as a number (attribute `exponent`).

    Whole exponents up to 4 are products, so x**2 is x*x to the last bit; no logarithm is taken anywhere, so a
    negative x is fine with any whole exponent.
    """

    name = "power_constant"
    formula = Notation("{y} = {x}^n", ("∂{y}/∂{x} = n {x}^(n-1)",))
    called = "power"
    elementwise = True
    domain = "a base above 0, or one that goes with this exponent"

    def forward(self, site: Site) -> None:
        """Products for small whole exponents, else numpy's power."""
        _raise_to(site, site.x[0], site.attribute("exponent"), site.y)

    def gradient(self, site: Site) -> None:
        """∂x = ∂y n x^(n-1); 0 for n = 0."""
        exponent, slope = site.attribute("exponent"), site.buffer(site.y)
        if exponent == 0:
            site.call(np.copyto, site.gx(0), site.number(0.0))
            return
        _raise_to(site, site.x[0], exponent - 1.0, slope)
        site.call(np.multiply, slope, site.number(exponent), slope)
        site.call(np.multiply, site.gy, slope, site.gx(0))

    def outside(self, site: Site) -> np.ndarray:
        """As for two operands."""
        return _outside_power(site.x[0], np.asarray(site.attribute("exponent")))

    def steep(self, site: Site, index: int) -> np.ndarray:  # noqa: ARG002 - there is but one input
        """At 0 with an exponent between 0 and 1."""
        return _steep_power(site.x[0], np.asarray(site.attribute("exponent")))

    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """With the exponent as a constant."""
        return out.emit("Pow", inputs[0], out.number(node.number("exponent")), name=node.name)

    def rule(self, node: Node) -> ScalarRule | None:
        """Products for small whole exponents, a quotient for -1; none for others."""
        return _POWERS.get(node.number("exponent"))


def _outside_power(base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    broken = (base < 0) & (exponent != np.floor(exponent))
    return np.asarray(broken | ((base == 0) & (exponent < 0)))


def _steep_power(base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    return np.where((base == 0) & (exponent > 0) & (exponent < 1), np.inf, 0.0)


def _raise_to(site: Site, x: np.ndarray, exponent: float, out: np.ndarray) -> None:
    """Append out = x ** exponent."""
    if exponent == 0.5:
        site.call(np.sqrt, x, out)
    elif exponent == -1.0:
        site.call(np.divide, site.number(1.0), x, out)
    elif exponent == 0.0:
        site.call(np.copyto, out, site.number(1.0))
    elif exponent == 1.0:
        site.call(np.copyto, out, x)
    elif exponent in (2.0, 3.0, 4.0):
        site.call(np.multiply, x, x, out)
        if exponent != 2.0:
            site.call(np.multiply, out, x if exponent == 3.0 else out, out)
    else:
        site.call(np.power, x, site.number(exponent), out)
