"""From an expression's tree to a Graph: parameters and constants are scalars (), inputs columns (rows,)."""

import math
from collections.abc import Collection, Mapping
from types import MappingProxyType

from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.expression_syntax import (
    Binary,
    Expr,
    FunctionCall,
    Name,
    Negative,
    Number,
    Term,
    parse_expression,
)
from lockstep.core.model.graph import Attribute, Graph, GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Constant
from lockstep.core.model.spec import ExpressionModel

_OPS = {"ln": "log"}
"""Functions whose op has another name."""
_ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {"softplus": {"beta": 1.0, "threshold": math.inf}}
"""Settings of ops that an expression has no words for: softplus is ln(1 + e^x) everywhere."""


def expression_graph(model: ExpressionModel, columns: int) -> Graph:
    """The graph of a formula. Its inputs, sorted by name, take the data's columns in order.

    Raises InvalidData where there are not as many inputs as columns.
    """
    expression = parse_expression(model.expression, model.parameters)
    if len(expression.inputs) != columns or not columns:
        names = ", ".join(expression.inputs) or "none"
        raise InvalidData(
            f"the expression has {len(expression.inputs)} inputs ({names}), the data {columns} columns:"
            " each column needs its input"
        )
    return _Reader(expression, model.parameters, columns).graph()


def formula_graph(text: str, start: Mapping[str, float], unknowns: Collection[str]) -> Graph:
    """The graph of a formula without inputs: `unknowns` are its parameters, the rest of `start` constants.

    Its value is a scalar, the same for any row. Raises InvalidData where a name has no start.
    """
    expression = parse_expression(text, start)
    if expression.inputs:
        raise InvalidData(f"expected a start for each name of the formula, got none for {expression.inputs}")
    fixed = {name: value for name, value in start.items() if name not in unknowns}
    return _Reader(expression, {name: start[name] for name in unknowns}, 0, fixed).graph()


class _Reader:
    """Adds the nodes of one expression, operands first; each parameter and each column is one node.

    `fixed` are names that stand for numbers.
    """

    def __init__(
        self,
        expression: Expr,
        start: Mapping[str, float],
        columns: int,
        fixed: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._expression = expression
        self._builder = GraphBuilder(columns)
        self._names: dict[str, Node] = {
            name: self._builder.column(column, name) for column, name in enumerate(expression.inputs)
        }
        for name in sorted(start):
            parameter = Parameter(name=name, shape=(), initializer=Constant(value=start[name]))
            self._names[name] = self._builder.parameter(parameter)
        for name, value in sorted(fixed.items()):
            self._names[name] = self._builder.constant(value, name)

    def graph(self) -> Graph:
        """The whole expression."""
        output = self._read(self._expression.root)
        if output.is_parameter:  # what a program gives is an array of its own
            output = self._builder.add("identity", [output], name=output.name)
        return self._builder.finish(output, self._expression.inputs)

    def _read(self, term: Term) -> Node:
        match term:
            case Number(value=value):
                return self._builder.constant(value, term.text)
            case Name(name=name):
                return self._names[name]
            case Negative(operand=operand):
                return self._builder.add("negate", [self._read(operand)], name=term.text)
            case FunctionCall(function=function, argument=argument):
                op = _OPS.get(function, function)
                attributes = _ATTRIBUTES.get(function)
                return self._builder.add(op, [self._read(argument)], name=term.text, attributes=attributes)
            case Binary(operator="power", left=left, right=right) if (exponent := _number(right)) is not None:
                attributes = {"exponent": exponent}
                return self._builder.add(
                    "power_constant", [self._read(left)], name=term.text, attributes=attributes
                )
            case Binary(operator=operator, left=left, right=right):
                return self._builder.add(operator, [self._read(left), self._read(right)], name=term.text)


def _number(term: Term) -> float | None:
    """The value of a number as it is written, with or without a minus."""
    match term:
        case Number(value=value):
            return value
        case Negative(operand=operand):
            number = _number(operand)
            return None if number is None else -number
    return None
