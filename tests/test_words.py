"""Nobody outside a word's room asks for it by its name or class: the room says what others want to know."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from lockstep.core.model.layers import LAYERS
from lockstep.core.model.ops import OPS
from tests.test_architecture import ROOT, parse, sources

ROOMS = ("core/model/layers/", "core/model/ops/")
NAMES = {*LAYERS, *(name for name, op in OPS.items() if op.kind == "op")}
CLASSES = {kind.__name__ for kind in LAYERS.values()} | {type(op).__name__ for op in OPS.values()}
OTHER_WORDS = (
    "core/model/expression.py",  # which ops an expression's functions are
    "core/model/expression_syntax.py",  # functions of expressions
    "core/model/initializer",  # nonlinearities that have a gain
    "core/engine/fast/scalar/steps.py",  # functions of Python's math
    "core/optim/schedules/",  # how a rate goes, and how a change is measured
    "service/api/wire.py",  # an encoding of HTTP
)
"""Where the same letters mean something else: how the paths begin."""


def questions(tree: ast.Module) -> Iterator[str]:
    """Where a part of the program asks which word it has."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=module, names=names) if module and "core.model." in module:
                for alias in names:
                    if alias.name in CLASSES:
                        yield f"line {node.lineno}: imports {alias.name}"
            case ast.Compare(left=left, comparators=right):
                yield from (
                    f"line {node.lineno}: compares {each}" for part in (left, *right) for each in named(part)
                )
            case ast.MatchValue(value=value):
                yield from (f"line {value.lineno}: matches {each}" for each in named(value))
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                yield from (f"line {node.lineno}: lists {each}" for each in named(node))


def named(node: ast.expr) -> Iterator[str]:
    """The names of words in a literal."""
    match node:
        case ast.Constant(value=str() as value) if value in NAMES:
            yield value
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from named(part)
        case ast.Dict(keys=keys):
            for key in keys:
                if key is not None:
                    yield from named(key)


def test_nobody_asks_for_a_layer_or_an_op_by_name() -> None:
    wrong = {
        name: found
        for path in sources("core", "service", "worker")
        if not (name := str(path.relative_to(ROOT))).startswith((*ROOMS, *OTHER_WORDS))
        if (found := list(questions(parse(path))))
    }

    assert not wrong


@pytest.mark.parametrize(
    "planted",
    [
        'node.op == "relu"',
        'layer.type in ("nll", "log_softmax")',
        'match node.op:\n    case "linear":\n        pass',
        '_GATES = {"rnn": 2, "lstm": 3}',
        "from lockstep.core.model.layers.linear import Linear",
    ],
)
def test_a_planted_question_is_found(planted: str) -> None:
    assert list(questions(ast.parse(planted)))


@pytest.mark.parametrize("place", OTHER_WORDS)
def test_the_places_of_other_words_are_there(place: str) -> None:
    paths = [path for path in sources("core", "service") if str(path.relative_to(ROOT)).startswith(place)]

    assert any(list(questions(parse(path))) for path in paths)
