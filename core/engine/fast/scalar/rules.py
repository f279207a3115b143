"""What each op is in Python's arithmetic: its value, and what it adds to the gradients of its inputs.

In a rule {a} and {b} stand for the inputs, {y} for the value, {g} for its gradient: names or numbers, so no
brackets are needed around them. Where NumPy gives an infinity or a NaN, a rule does too, or raises
ArithmeticError or ValueError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

from lockstep.core.model.graph import Node


@dataclass(frozen=True)
class Rule:
    """`value`, and one slope for each input."""

    value: str
    slopes: tuple[str, ...]


_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "add": Rule("{a} + {b}", ("{g}", "{g}")),
        "subtract": Rule("{a} - {b}", ("{g}", "-{g}")),
        "multiply": Rule("{a} * {b}", ("{g} * {b}", "{g} * {a}")),
        "divide": Rule("{a} / {b}", ("{g} / {b}", "-({g} / {b}) * {y}")),
        "negate": Rule("-{a}", ("-{g}",)),
        "identity": Rule("{a}", ("{g}",)),
        "sin": Rule("sin({a})", ("{g} * cos({a})",)),
        "cos": Rule("cos({a})", ("{g} * -sin({a})",)),
        "tan": Rule("tan({a})", ("{g} * ({y} * {y} + 1.0)",)),
        "tanh": Rule("tanh({a})", ("{g} * (1.0 - {y} * {y})",)),
        "exp": Rule("exp({a})", ("{g} * {y}",)),
        "log": Rule("log({a})", ("{g} / {a}",)),
        "sigmoid": Rule("1.0 / (exp(-{a}) + 1.0)", ("{g} * ((1.0 - {y}) * {y})",)),
        # A NaN is neither above nor below 0, and has to go through.
        "relu": Rule("0.0 if {a} <= 0.0 else {a}", ("({g} if {a} > 0.0 else 0.0)",)),
        "abs": Rule("abs({a})", ("({g} if {a} > 0.0 else -{g} if {a} < 0.0 else 0.0)",)),
    }
)
_POWERS: Mapping[float, Rule] = MappingProxyType(
    {
        -1.0: Rule("1.0 / {a}", ("{g} * -({y} * {y})",)),
        1.0: Rule("{a}", ("{g}",)),
        2.0: Rule("{a} * {a}", ("{g} * ({a} * 2.0)",)),
        3.0: Rule("{a} * {a} * {a}", ("{g} * ({a} * {a} * 3.0)",)),
        4.0: Rule("({a} * {a}) * ({a} * {a})", ("{g} * ({a} * {a} * {a} * 4.0)",)),
    }
)
SOURCES = frozenset({"column", "parameter", "constant"})


def rule_of(node: Node) -> Rule | None:
    """The rule of a node that is not a source; None where there is none."""
    if node.op == "power_constant":
        exponent = node.attributes["exponent"]
        return _POWERS.get(float(exponent)) if isinstance(exponent, (int, float)) else None
    return _RULES.get(node.op)


def is_known(node: Node) -> bool:
    """Whether a node can be written in Python's arithmetic."""
    if node.op == "constant":
        value = node.attributes["value"]
        return isinstance(value, (int, float)) and isfinite(value)
    return node.op in SOURCES or rule_of(node) is not None
