"""Computes expressions of the transition table on a row in memory, as a database would; now is 0.

So the model has no second copy of what a change writes or under what condition it is made.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Case, ColumnElement
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    Cast,
    ColumnClause,
    ExpressionClauseList,
    False_,
    Grouping,
    Null,
    True_,
    TypeCoerce,
    UnaryExpression,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import iterate

from lockstep.service.store.database import clock

Values = Mapping[str, Any]


class NotModelled(Exception):
    """The table says something that the model can't compute: teach it here."""


_WITH_NULL: Mapping[Any, Callable[[Any, Any], bool]] = {
    operators.is_: lambda a, b: a is b or a == b,
    operators.is_not: lambda a, b: not (a is b or a == b),
    operators.is_distinct_from: lambda a, b: a != b,
    operators.is_not_distinct_from: lambda a, b: a == b,
}
_OF_TWO: Mapping[Any, Callable[[Any, Any], Any]] = {
    operators.add: operator.add,
    operators.sub: operator.sub,
    operators.mul: operator.mul,
    operators.truediv: operator.truediv,
    operators.lt: operator.lt,
    operators.le: operator.le,
    operators.gt: operator.gt,
    operators.ge: operator.ge,
    operators.eq: operator.eq,
    operators.ne: operator.ne,
    operators.in_op: lambda a, b: a in b,
    operators.not_in_op: lambda a, b: a not in b,
}
_FUNCTIONS: Mapping[str, Callable[[list[Any]], Any]] = {
    "coalesce": lambda values: next((value for value in values if value is not None), None),
    "greatest": max,
    "least": min,
}


def computed(expression: object, row: Values, given: Values) -> Any:
    """The value on a row, where the parameters have the values `given`; None is SQL's NULL."""
    if not isinstance(expression, ColumnElement):
        return expression
    for kind, value in _KINDS.items():
        if isinstance(expression, kind):
            return value(expression, row, given)
    raise NotModelled(f"{type(expression).__name__}: {expression}")


def _parameter(expression: BindParameter[Any], _: Values, given: Values) -> Any:
    return given[expression.key] if expression.required else expression.effective_value


def _unary(expression: UnaryExpression[Any], row: Values, given: Values) -> Any:
    if expression.operator not in (operators.inv, operators.neg):
        raise NotModelled(f"{expression}")
    value = computed(expression.element, row, given)
    if value is None:
        return None
    return not value if expression.operator is operators.inv else -value


def _case(expression: Case[Any], row: Values, given: Values) -> Any:
    for condition, value in expression.whens:
        if computed(condition, row, given):
            return computed(value, row, given)
    return computed(expression.else_, row, given)


def _function(expression: FunctionElement[Any], row: Values, given: Values) -> Any:
    if expression.name not in _FUNCTIONS:
        raise NotModelled(f"the function {expression.name}")
    return _FUNCTIONS[expression.name]([computed(part, row, given) for part in expression.clauses])


def _all(expression: Any, row: Values, given: Values) -> list[Any]:
    return [computed(part, row, given) for part in expression.clauses]


_KINDS: Mapping[type[ColumnElement[Any]], Callable[[Any, Values, Values], Any]] = {
    clock: lambda *_: 0.0,
    BindParameter: _parameter,
    Null: lambda *_: None,
    True_: lambda *_: True,
    False_: lambda *_: False,
    Grouping: lambda each, row, given: computed(each.element, row, given),
    Cast: lambda each, row, given: computed(each.clause, row, given),
    TypeCoerce: lambda each, row, given: computed(each.clause, row, given),
    UnaryExpression: _unary,
    ExpressionClauseList: lambda each, row, given: _of_many(each.operator, _all(each, row, given)),
    BinaryExpression: lambda each, row, given: _of_two(
        each.operator, computed(each.left, row, given), computed(each.right, row, given)
    ),
    Case: _case,
    FunctionElement: _function,
    ColumnClause: lambda each, row, _: row[each.name],
}
"""The first that an expression is counts."""


def columns_in(expression: object) -> set[str]:
    """The names of the columns that an expression reads."""
    if not isinstance(expression, ColumnElement):
        return set()
    return {part.name for part in iterate(expression) if isinstance(part, ColumnClause)}


def _of_two(kind: Any, left: Any, right: Any) -> Any:
    if kind in _WITH_NULL:
        return _WITH_NULL[kind](left, right)
    if kind not in _OF_TWO:
        raise NotModelled(f"the operator {kind.__name__}")
    return None if left is None or right is None else _OF_TWO[kind](left, right)


def _of_many(kind: Any, values: list[Any]) -> Any:
    """AND, OR, and what is chained; NULL is unknown."""
    if kind is operators.and_:
        return False if any(value is not None and not value for value in values) else _known(True, values)
    if kind is operators.or_:
        return True if any(values) else _known(False, values)
    total, *rest = values
    for value in rest:
        total = _of_two(kind, total, value)
    return total


def _known(value: bool, values: list[Any]) -> bool | None:
    return None if any(each is None for each in values) else value
