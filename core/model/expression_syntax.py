"""Expressions as a user writes them, read into a small frozen tree. Nothing is evaluated here.

Python's own parser reads the text; then every node has to be on a short list. What is refused before the
parser sees it (length, characters, a digit glued to a name) keeps its time small and its warnings silent.
"""

import ast
import difflib
import keyword
import math
import re
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypedDict

from lockstep.core.ground.errors import ExpressionError
from lockstep.core.model.expression_text import ALLOWED, check_text, explain, short

FUNCTIONS = ("sin", "cos", "tan", "tanh", "exp", "ln", "log", "sqrt", "abs", "sigmoid", "relu", "softplus")
"""What can be called, each with one argument; `log` is another spelling of `ln`."""
CONSTANTS = {"pi": math.pi, "e": math.e}
RESERVED = frozenset(FUNCTIONS) | frozenset(CONSTANTS)
"""Names that neither a parameter nor an input can have."""

MAX_NODES = 400
MAX_DEPTH = 100
"""A sum of n terms is n deep: this leaves room for one with a weight for each of the 64 columns of digits."""

_PARSER = threading.Lock()
"""CPython 3.11 keeps how deep it is in a tree once for all threads (state->recursion_depth in Python-ast.c):
where another one parses meanwhile, a correct text ends in a SystemError, "AST constructor recursion depth
mismatch"."""
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_SIGNS: dict[type[ast.operator], str] = {ast.BitXor: "^", ast.FloorDiv: "//", ast.Mod: "%"}


@dataclass(frozen=True, kw_only=True)
class _Located:
    """`text` is the part of the expression that the node was read from, `column` (from 1) where it starts."""

    text: str
    column: int


@dataclass(frozen=True, kw_only=True)
class Number(_Located):
    """A constant; `pi` and `e` are numbers too. Always finite."""

    value: float


@dataclass(frozen=True, kw_only=True)
class Name(_Located):
    """A parameter or an input."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Negative(_Located):
    """-operand."""

    operand: "Term"


@dataclass(frozen=True, kw_only=True)
class Binary(_Located):
    """left operator right; `operator` is add, subtract, multiply, divide or power."""

    operator: str
    left: "Term"
    right: "Term"


@dataclass(frozen=True, kw_only=True)
class FunctionCall(_Located):
    """function(argument); `function` is one of FUNCTIONS other than log, which is read as ln."""

    function: str
    argument: "Term"


Term = Number | Name | Negative | Binary | FunctionCall


@dataclass(frozen=True, kw_only=True)
class Expr:
    """An expression that is well formed.

    `inputs` are the names that are neither parameters nor reserved, sorted: they take the data's columns in
    this order. `parameters` are those of the given ones that occur, `functions` what is called, both sorted.
    """

    text: str
    root: Term
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    functions: tuple[str, ...]


def parse_expression(text: str, parameters: Collection[str]) -> Expr:
    """Read `text`; `parameters` are the names that are learned. Raises ExpressionError with the column."""
    source = re.sub(r"[\t\r\n]", " ", text)
    check_text(source)
    start = len(source) - len(source.lstrip(" "))
    root = _Reader(source, start, frozenset(parameters)).read(_parse(source, start))
    names = {term.name for term in terms(root) if isinstance(term, Name)}
    return Expr(
        text=text,
        root=root,
        inputs=tuple(sorted(names - set(parameters))),
        parameters=tuple(sorted(names & set(parameters))),
        functions=tuple(sorted({term.function for term in terms(root) if isinstance(term, FunctionCall)})),
    )


def terms(root: Term) -> Iterator[Term]:
    """The tree's nodes, a node before its operands, left to right."""
    yield root
    match root:
        case Negative(operand=operand):
            yield from terms(operand)
        case Binary(left=left, right=right):
            yield from terms(left)
            yield from terms(right)
        case FunctionCall(argument=argument):
            yield from terms(argument)


def _parse(source: str, start: int) -> ast.expr:
    try:
        with _PARSER:
            return ast.parse(source[start:], mode="eval").body
    except SyntaxError as error:
        message, column = explain(source, (error.offset or 1) + start)
        raise ExpressionError(message, column) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("the expression is nested too deeply; write it in simpler parts", 1) from None


class _Reader:
    """Turns Python's syntax tree into ours and refuses every node that is not on the list."""

    def __init__(self, source: str, start: int, parameters: frozenset[str]) -> None:
        self._source = source
        self._start = start
        self._parameters = parameters
        self._nodes = 0

    def read(self, node: ast.expr, depth: int = 1) -> Term:
        """The tree under `node`."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error(node, f"expected at most {MAX_NODES} names and signs, got more; shorten it")
        if depth > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH} levels; write it in simpler parts")
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(node, value)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(operand=self.read(operand, depth + 1), **self._place(node))
            case ast.BinOp(left=left, op=op, right=right) if operator := _OPERATORS.get(type(op)):
                operands = self.read(left, depth + 1), self.read(right, depth + 1)
                return Binary(operator=operator, left=operands[0], right=operands[1], **self._place(node))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(node, name, depth)
        raise ExpressionError(_refusal(node), self._sign_column(node))

    def _number(self, node: ast.expr, value: int | float) -> Number:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._error(node, "the number is too large; the largest is about 1.8e308")
        return Number(value=number, **self._place(node))

    def _name(self, node: ast.expr, name: str) -> Term:
        if name in self._parameters:
            return Name(name=name, **self._place(node))
        if name in CONSTANTS:
            return Number(value=CONSTANTS[name], **self._place(node))
        if name in FUNCTIONS:
            raise self._error(node, f"{name} is a function; write {name}(...)")
        return Name(name=name, **self._place(node))

    def _call(self, node: ast.Call, name: str, depth: int) -> FunctionCall:
        if name not in FUNCTIONS:
            raise self._error(node, self._unknown_function(name))
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            came = f"{len(node.args)}" if not node.keywords else "one with a name"
            raise self._error(node, f"{name} takes one plain argument, got {came}; write {name}(x)")
        argument = self.read(node.args[0], depth + 1)
        return FunctionCall(function="ln" if name == "log" else name, argument=argument, **self._place(node))

    def _unknown_function(self, name: str) -> str:
        if name in self._parameters or name in CONSTANTS:
            return f"{name} is not a function; write {name}*(...) for a product"
        close = difflib.get_close_matches(name, FUNCTIONS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {' '.join(FUNCTIONS)}"
        return f"{short(name)} is not a function here; {hint} (for a product write {short(name)}*(...))"

    def _place(self, node: ast.expr) -> "_Place":
        text = self._source[self._start + node.col_offset : self._start + (node.end_col_offset or 0)]
        return {"text": text, "column": self._column(node)}

    def _column(self, node: ast.expr) -> int:
        return self._start + node.col_offset + 1

    def _sign_column(self, node: ast.expr) -> int:
        """Where to point for a node that is refused: at its sign, if it stands between two operands."""
        if isinstance(node, ast.BinOp):
            after_left = self._start + (node.left.end_col_offset or 0)
            return self._source.find(_SIGNS.get(type(node.op), ""), after_left) + 1
        return self._column(node)

    def _error(self, node: ast.expr, message: str) -> ExpressionError:
        return ExpressionError(message, self._column(node))


class _Place(TypedDict):
    text: str
    column: int


def _refusal(node: ast.expr) -> str:
    """Why a node that Python knows is not allowed here."""
    match node:
        case ast.BinOp(op=ast.BitXor()):
            return "^ is not an operator here; write ** for a power"
        case ast.BinOp(op=ast.FloorDiv()):
            return "// is not an operator here; write / for a quotient"
        case ast.BinOp(op=ast.Mod()):
            return "% is not an operator here; there is no remainder"
        case ast.Compare():
            return "comparisons are not allowed; relu(x) and abs(x) make pieces"
        case ast.Constant(value=value):
            return f"{short(str(value))} is not a number here; write 1 or 0"
        case ast.Attribute():
            return "a dot after a name is not allowed; call functions by their bare name, as in sin(x)"
        case ast.Tuple():
            return "expected one formula, got several with commas; use a point in decimal numbers: 0.5"
        case ast.Call():
            return "only a name can be called; write a product with *"
        case ast.IfExp() | ast.BoolOp() | ast.UnaryOp():
            return "conditions are not allowed; relu(x) and abs(x) make pieces"
    return f"this is not allowed; use only {ALLOWED}"


def is_identifier(name: str) -> bool:
    """Whether an expression can use `name` for a parameter or an input."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED
