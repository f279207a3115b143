import contextlib
import math

import pytest

from lockstep.core.ground.errors import ExpressionError
from lockstep.core.model.expression_syntax import (
    FUNCTIONS,
    MAX_DEPTH,
    Binary,
    FunctionCall,
    Name,
    Negative,
    Number,
    Term,
    is_identifier,
    parse_expression,
    terms,
)
from tests.effort import calls_of

OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


def written(term: Term) -> str:
    """The tree with all its parentheses."""
    match term:
        case Number(value=value):
            return f"{value:g}"
        case Name(name=name):
            return name
        case Negative(operand=operand):
            return f"(-{written(operand)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({written(left)}{OPERATORS[operator]}{written(right)})"
        case FunctionCall(function=function, argument=argument):
            return f"{function}({written(argument)})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a*x + b", "((a*x)+b)"),
        ("-x**2", "(-(x**2))"),
        ("2**-1*x", "((2**(-1))*x)"),
        ("a-b-x", "((a-b)-x)"),
        ("a**b**x", "(a**(b**x))"),
        ("a/b/x", "((a/b)/x)"),
        ("+x", "x"),
        ("- -x", "(-(-x))"),
        ("(((x)))", "x"),
        ("  x\n\t+ 1 ", "(x+1)"),
        ("1e3*x + .5 + 2. + 1_000 + 1.5E-3", "(((((1000*x)+0.5)+2)+1000)+0.0015)"),
        ("log(x)+ln(x)", "(ln(x)+ln(x))"),
        ("pi*e*x", "((3.14159*2.71828)*x)"),
        ("x1e5 + e1", "(x1e5+e1)"),
    ],
)
def test_reads_as_python_does(text: str, tree: str) -> None:
    assert written(parse_expression(text, {"a", "b"}).root) == tree


def test_who_is_who() -> None:
    expression = parse_expression("w*z + sin(y)**2 + w*tanh(b) + pi", ["w", "b", "unused"])
    assert expression.inputs == ("y", "z")
    assert expression.parameters == ("b", "w")
    assert expression.functions == ("sin", "tanh")
    assert expression.text == "w*z + sin(y)**2 + w*tanh(b) + pi"


def test_each_function_is_known() -> None:
    for name in FUNCTIONS:
        (function,) = parse_expression(f"{name}(x)", ()).functions
        assert function == ("ln" if name == "log" else name)


def test_every_term_knows_its_text_and_place() -> None:
    root = parse_expression(" a*(x + 1) - sin( x )", {"a"}).root
    places = [(term.column, term.text) for term in terms(root)]
    assert places == [
        (2, "a*(x + 1) - sin( x )"),
        (2, "a*(x + 1)"),
        (2, "a"),
        (5, "x + 1"),
        (5, "x"),
        (9, "1"),
        (14, "sin( x )"),
        (19, "x"),
    ]


def test_constants_are_not_folded() -> None:
    assert written(parse_expression("9**9**9*x", ()).root) == "((9**(9**9))*x)"


def test_a_weight_for_each_column_of_digits_fits() -> None:
    expression = parse_expression("+".join(f"w{i}*x{i}" for i in range(64)), {f"w{i}" for i in range(64)})
    assert len(expression.inputs) == len(expression.parameters) == 64


REFUSED = [
    ("", 1, "is empty"),
    ("  ", 1, "is empty"),
    ("x" * 1001, 1001, "at most 1000 characters, got 1001"),
    ("__import__('os').system('id')", 12, "not allowed"),
    ("().__class__", 1, "a dot after a name"),
    ("x.real", 1, "a dot after a name"),
    ("abc.d(x)", 1, "only a name can be called"),
    ("sin(x)(y)", 1, "only a name can be called"),
    ("[i for i in (1,)]", 1, "'[' is not allowed"),
    ("x[0]", 2, "'[' is not allowed"),
    ("{x}", 1, "'{' is not allowed"),
    ("lambda: 1", 7, "':' is not allowed"),
    ("lambda", 1, "a word of Python's"),
    ("import os", 1, "a word of Python's"),
    ("await x", 1, "not allowed"),
    ("yield x", 1, "a word of Python's"),
    ("(x:=1)", 3, "':' is not allowed"),
    ("x if x else y", 1, "conditions"),
    ("x and y", 1, "conditions"),
    ("not x", 1, "conditions"),
    ("x<y", 1, "comparisons"),
    ("x==1", 1, "comparisons"),
    ("x in y", 1, "comparisons"),
    ("True", 1, "True is not a number"),
    ("None", 1, "None is not a number"),
    ("...", 1, "not a number"),
    ("'a'", 1, "not allowed"),
    ("f'{x}'", 2, "not allowed"),
    ("x;y", 2, "';' is not allowed"),
    ("x\\\ny", 2, "not allowed"),
    ("x#y", 2, "'#' is not allowed"),
    ("x\0", 2, "'\\x00' is not allowed"),
    ("x\u00a0+1", 2, "letters a to z"),
    ("\uff58", 1, "'\\uff58' is not allowed; write names with the letters a to z"),
    ("\u03c0*x", 1, "letters a to z"),
    ("x@y", 2, "'@' is not allowed"),
    ("~x", 1, "'~' is not allowed"),
    ("x//y", 2, "write / for a quotient"),
    ("x % y", 3, "no remainder"),
    ("(x + 1)^2", 8, "write ** for a power"),
    ("1j", 1, '"1j" is not a number and not a name'),
    ("a + 2x", 5, "for a product write 2*x"),
    ("3(x+1)", 1, "for a product write 3*(...)"),
    ("0x10", 1, "for a product write 0*x10"),
    ("1if x else 2", 1, "1*if"),
    ("1..2", 3, "cannot be read"),
    ("9" * 900, 1, "too large"),
    ("x + 1e999", 5, "too large"),
    ("sin(x, y)", 1, "takes one plain argument, got 2"),
    ("sin()", 1, "got 0"),
    ("sin(x=1)", 1, "one with a name"),
    ("sin(*x)", 1, "takes one plain argument"),
    ("sin", 1, "write sin(...)"),
    ("a + sin*x", 5, "write sin(...)"),
    ("a(x)", 1, "write a*(...) for a product"),
    ("e(x)", 1, "write e*(...) for a product"),
    ("Sin(x)", 1, "did you mean sin?"),
    ("gelu(x)", 1, "did you mean relu?"),
    ("f(x)", 1, "there are sin cos"),
    ("x y", 3, "an operator is missing"),
    ("sin x", 5, "an operator is missing"),
    ("y = a*x", 3, "only the right side"),
    ("a*x +", 6, "ends too early"),
    ("**x", 1, "cannot be read"),
    ("*x", 1, "cannot be read"),
    ("(a*x", 1, '"(" has no partner'),
    ("a*x)", 4, '")" has no partner'),
    ("a*(x))*(2", 6, '")" has no partner'),
    ("0,5*x", 1, "use a point in decimal numbers"),
    ("(" * 300 + "x" + ")" * 300, 101, "parentheses inside each other"),
    ("-" * 900 + "x", MAX_DEPTH + 1, "nested deeper"),
    ("x" + "**x" * 150, 298, "nested deeper"),
    ("+".join("abs(x)" for _ in range(140)), 1, "nested deeper"),
    ("+".join(["(x+x+x+x)*(x+x+x+x)"] * 40), 482, "at most 400 names and signs"),
]


@pytest.mark.timeout(5)
@pytest.mark.parametrize(("text", "column", "words"), REFUSED)
def test_what_is_no_formula_is_refused(text: str, column: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, {"a", "b"})
    assert caught.value.column == column
    assert words in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("text", [text for text, _, _ in REFUSED])
def test_a_refusal_costs_little(text: str) -> None:
    def refuse() -> None:
        with contextlib.suppress(ExpressionError):
            parse_expression(text, {"a", "b"})

    assert calls_of(refuse) < 10_000


def test_what_a_name_may_be() -> None:
    assert all(map(is_identifier, ["a", "x1", "_w", "learning_rate", "E", "None_"]))
    assert not any(
        map(is_identifier, ["", "1a", "a b", "a-b", "\u03c0", "e", "pi", "sin", "log", "for", "None"])
    )


def test_all_constants_are_finite() -> None:
    numbers = [
        term for term in terms(parse_expression("pi + e + 1e308", ()).root) if isinstance(term, Number)
    ]
    assert [number.value for number in numbers] == [math.pi, math.e, 1e308]
