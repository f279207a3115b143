"""A word of the language stands in one room: outside nobody asks for it by its name or its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockstep.core.data.augmentations import AUGMENTATIONS
from lockstep.core.data.generators import GENERATORS
from lockstep.core.losses import LOSSES
from lockstep.core.metrics import METRICS
from lockstep.core.model.initializers import INITIALIZERS
from lockstep.core.model.layers import LAYERS
from lockstep.core.model.ops import OPS
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.schedules import SCHEDULES
from tests.test_architecture import ROOT, parse, sources

EXAMPLES = ("service/api/openapi_parts.py", "core/submission/behind.py")
"""Where whole specs are written down, or files of them are named."""


@dataclass(frozen=True)
class Kind:
    """The words of one kind, and how the paths of their rooms begin.

    `elsewhere`: names that mean more than that. `places`: how the paths begin where all of them do.
    """

    words: Mapping[str, type[Any]]
    rooms: tuple[str, ...]
    elsewhere: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()


LAYERS_AND_OPS = Kind(
    {**LAYERS, **{name: type(op) for name, op in OPS.items() if op.kind == "op"}},
    ("core/model/layers/", "core/model/ops/"),
    # what builds a graph names its parts; keys are added, too; who waits has a position
    frozenset({"identity", "subtract", "add", "position"}),
    (
        "core/model/expression.py",  # which ops an expression's functions are
        "core/model/expression_syntax.py",  # functions of expressions
        "core/model/initializers/",  # nonlinearities that have a gain
        "core/engine/fast/scalar/steps.py",  # functions of Python's math
        "core/optim/schedules/",  # how a rate goes, and how a change is measured
    ),
)
KINDS = {
    "layer or op": LAYERS_AND_OPS,
    "loss": Kind(LOSSES, ("core/losses/",)),
    "metric": Kind(METRICS, ("core/metrics/",), frozenset({"precision"})),  # a word for dtype elsewhere
    "optimizer": Kind(OPTIMIZERS, ("core/optim/",)),
    # nodes, layers and units are called so too
    "schedule": Kind(SCHEDULES, ("core/optim/schedules/",), frozenset({"constant", "linear", "step"})),
    "generator": Kind(GENERATORS, ("core/data/generators/",)),
    "augmentation": Kind(
        AUGMENTATIONS, ("core/data/augmentations/",), frozenset({"noise"})
    ),  # a generator has some
    # nodes and scratch arrays are called so too
    "initializer": Kind(
        INITIALIZERS, ("core/model/initializers/",), frozenset({"constant", "normal", "ones", "zeros"})
    ),
}


def classes_of(kind: Kind) -> frozenset[str]:
    """The names of the words' classes, and of those of their settings."""
    settings = (getattr(word, "settings", None) for word in kind.words.values())
    return frozenset(found.__name__ for found in (*kind.words.values(), *settings) if found is not None)


def asked_for(tree: ast.Module, kind: Kind, own: Set[str] = frozenset()) -> Iterator[str]:
    """Where a module asks for a word, by a text that is its name or by its class; `own` are its own words."""
    names, classes = kind.words.keys() - kind.elsewhere - own, classes_of(kind)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if text in names:
                yield f'line {node.lineno}: "{text}"'
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in classes:
                yield f"line {node.lineno}: {name}"


def outside(kind: Kind) -> Iterator[tuple[str, Path, Set[str]]]:
    """Each module outside the rooms: its place, its path, and the words of other kinds that stand there."""
    for path in sources("core", "service", "worker"):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith((*kind.rooms, *kind.places)) and place not in EXAMPLES:
            own = {name for other in KINDS.values() if place.startswith(other.rooms) for name in other.words}
            yield place, path, own


@pytest.mark.parametrize("name", KINDS)
def test_nobody_outside_the_rooms_asks_for_a_word(name: str) -> None:
    kind = KINDS[name]
    wrong = [
        f"{place}, {found}"
        for place, path, own in outside(kind)
        for found in asked_for(parse(path), kind, own)
    ]

    assert not wrong, f"ask a trait of the {name} instead, which each of them has: {'; '.join(wrong)}"


@pytest.mark.parametrize("start", LAYERS_AND_OPS.places)
def test_the_places_of_other_words_are_there(start: str) -> None:
    paths = [path for path in sources("core") if path.relative_to(ROOT).as_posix().startswith(start)]

    assert any(list(asked_for(parse(path), LAYERS_AND_OPS)) for path in paths)


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("loss", 'if spec.loss.type == "cross_entropy": pass'),
        ("loss", "if isinstance(loss, Huber): pass"),
        ("loss", "from lockstep.core.losses.hinge import HingeLoss"),
        ("loss", 'match loss.name:\n    case "mse" | "sse": pass'),
        ("loss", 'CLASS_LOSSES = ("nll",)'),
        ("layer or op", 'node.op == "relu"'),
        ("layer or op", '_GATES = {"rnn": 2, "lstm": 3}'),
        ("layer or op", "from lockstep.core.model.layers.linear import Linear"),
    ],
)
def test_a_planted_question_is_found(kind: str, planted: str) -> None:
    assert list(asked_for(ast.parse(planted), KINDS[kind]))
