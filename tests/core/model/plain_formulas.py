"""Formulas by Python's math module alone: their values, and their slopes as differences of those."""

import math
from collections.abc import Callable, Mapping

from lockstep.core.model.expression_syntax import (
    Binary,
    FunctionCall,
    Name,
    Negative,
    Number,
    Term,
    parse_expression,
)

Point = Mapping[str, float]
STEP = 1e-5

FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "softplus": lambda x: math.log1p(math.exp(x)),
}


def value(text: str, point: Point) -> float:
    """At a point; ArithmeticError or ValueError where the formula has no value there."""
    return _value(parse_expression(text, point).root, point)


def _value(term: Term, point: Point) -> float:
    match term:
        case Number(value=number):
            return number
        case Name(name=name):
            return point[name]
        case Negative(operand=operand):
            return -_value(operand, point)
        case FunctionCall(function=function, argument=argument):
            return FUNCTIONS[function](_value(argument, point))
        case Binary(operator=operator, left=left, right=right):
            return _of_two(operator, _value(left, point), _value(right, point))


def _of_two(operator: str, a: float, b: float) -> float:
    match operator:
        case "add":
            return a + b
        case "subtract":
            return a - b
        case "multiply":
            return a * b
        case "divide":
            return a / b
    return math.pow(a, b)


def slopes(function: Callable[[Point], float], point: Point) -> dict[str, float]:
    """∂function/∂name for each name, by central differences of the fourth order."""
    found = {}
    for name in point:

        def at(shift: float, name: str = name) -> float:
            return function({**point, name: point[name] + shift})

        near, far = at(STEP) - at(-STEP), at(2 * STEP) - at(-2 * STEP)
        found[name] = (8 * near - far) / (12 * STEP)
    return found
