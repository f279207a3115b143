"""The text of an expression: what Python's parser should not see, and what to say where it fails."""

import keyword
import re

from lockstep.core.ground.errors import ExpressionError

MAX_LENGTH = 1000
MAX_PARENTHESES = 100

_FOREIGN = re.compile(r"[^A-Za-z0-9_+\-*/().,^=<>%! ]")
_GLUED = re.compile(r"(?<![A-Za-z0-9_.])((?>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))([A-Za-z_]\w*|\()")
ALLOWED = "numbers, names, + - * / **, parentheses and functions"
"""What an expression is made of."""


def check_text(text: str) -> None:
    """Refuse what the parser should not see, or would explain in words that are not ours."""
    if len(text) > MAX_LENGTH:
        message = f"expected at most {MAX_LENGTH} characters, got {len(text)}; shorten the expression"
        raise ExpressionError(message, MAX_LENGTH + 1)
    if not text.strip():
        raise ExpressionError('the expression is empty; write one, such as "a*x + b"', 1)
    if foreign := _FOREIGN.search(text):
        hint = f"use only {ALLOWED}" if foreign[0].isascii() else "write names with the letters a to z"
        message = f"the character {foreign[0]!a} is not allowed; {hint}"
        raise ExpressionError(message, foreign.start() + 1)
    if glued := _GLUED.search(text):
        number, rest = short(glued[1]), short(glued[2])
        product = f"{number}*(...)" if rest == "(" else f"{number}*{rest}"
        message = f'"{number}{rest}" is not a number and not a name; for a product write {product}'
        raise ExpressionError(message, glued.start() + 1)
    _check_parentheses(text)


def _check_parentheses(text: str) -> None:
    """Refuse what Python's parser gives up at, at a depth that depends on its version."""
    depth = 0
    for column, sign in enumerate(text, start=1):
        depth += (sign == "(") - (sign == ")")
        if depth > MAX_PARENTHESES:
            message = f"more than {MAX_PARENTHESES} parentheses inside each other; write it in simpler parts"
            raise ExpressionError(message, column)


def explain(source: str, column: int) -> tuple[str, int]:
    """Why Python's parser would refuse this, in words about formulas, and the column to show."""
    if equals := re.search(r"(?<![=<>!])=(?!=)", source):
        return 'unexpected "="; write only the right side: the model\'s output', equals.start() + 1
    if (column_of_open := _unbalanced(source)) is not None:
        sign = source[column_of_open - 1]
        return f'"{sign}" has no partner; add or remove a parenthesis', column_of_open
    if word := re.search(rf"\b({'|'.join(keyword.kwlist)})\b", source):
        return f'"{word[0]}" is a word of Python\'s and not allowed here; use another name', word.start() + 1
    end = len(source.rstrip())
    if column > end or source[end - 1] in "+-*/^<>%,.!":
        return "the expression ends too early; something is missing after the last sign", end + 1
    if spaced := re.search(r"[\w.)] +(?=[\w.(])", source):
        return "an operator is missing here; write a product with *", spaced.end() + 1
    return f'cannot be read from "{short(source[column - 1 :])}" on; use only {ALLOWED}', column


def _unbalanced(source: str) -> int | None:
    """The column of a parenthesis without partner."""
    open_columns: list[int] = []
    for column, sign in enumerate(source, start=1):
        if sign == "(":
            open_columns.append(column)
        elif sign == ")":
            if not open_columns:
                return column
            open_columns.pop()
    return open_columns[-1] if open_columns else None


def short(text: str, limit: int = 30) -> str:
    """`text`, cut at `limit`."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
