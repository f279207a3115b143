"""Every function and operator, in every kind of job, on numbers, learned numbers, columns and mixtures.

The oracle is Python's math module, and differences of it: tests/core/model/plain_formulas.py.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.explain.draw import to_dot, to_json
from lockstep.core.explain.gradcheck import check_gradients
from lockstep.core.explain.replay import ReplayRun
from lockstep.core.explain.svg import to_svg
from lockstep.core.explain.view import view_of_spec
from lockstep.core.ground.errors import DomainError
from lockstep.core.learning.inference import Predictor
from lockstep.core.learning.training import Training
from lockstep.core.model.expression_syntax import FUNCTIONS
from lockstep.core.submission import parse_job, resolve
from tests.core.formulas.searches import search
from tests.core.learning.training_jobs import resolved, training
from tests.core.model.plain_formulas import Point, slopes, value

ONE = [*(f"{name}({{0}})" for name in FUNCTIONS), "-({0})", *(f"({{0}})**{n}" for n in (-2, -1, 0, 1, 2, 3))]
ONE += ["({0})**4", "({0})**5", "({0})**0.5", "({0})**2.5", "({0})**-0.5"]
TWO = [f"({{0}}) {sign} ({{1}})" for sign in ("+", "-", "*", "/", "**")]
NUMBERS = ["-1.3", "c", "a", "0.3 - a"]
"""A constant, a name that is not learned (in a training it is), a learned number, a mixture."""
ROWS = [*NUMBERS, "x", "a*x + 0.3"]
FRAMES = ["{0}", "b*({0}) + sin({0})"]
"""The term as the whole, and read twice."""
POINT = {"a": 0.6, "b": 1.7, "c": 0.8}
X = [0.45, 0.9, 1.3]
Y = [0.5, -1.0, 2.0]
RATE = 1e-3
TOLERANCE = {"float64": 1e-8, "float32": 3e-5}


def texts(term: str, arguments: list[str]) -> Iterator[str]:
    """The formulas of a term: with each argument, or each pair; one operand in each frame."""
    frames = FRAMES if term in ONE else FRAMES[1:]
    for pair, frame in product(product(arguments, repeat=term.count("{")), frames):
        yield frame.format(term.format(*pair))


def names_in(text: str) -> Point:
    return {name: number for name, number in POINT.items() if re.search(rf"\b{name}\b", text)}


def near(expected: object, dtype: str) -> Any:
    return pytest.approx(expected, rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])


def is_defined(text: str, point: Point, x: list[float]) -> bool:
    try:
        for each in x:
            value(text, {**point, "x": each})
    except (ArithmeticError, ValueError):
        return False
    return True


def check_search(raw: dict[str, Any], text: str, unknowns: Point) -> None:
    """Value, gradient, replayed gradient and walk at the start."""
    point = names_in(text)
    report = search(raw).advance(0)
    if not is_defined(text, point, [0.0]):
        assert isinstance(report.failure, DomainError), text
        return
    gradient = {
        name: slope for name, slope in slopes(lambda p: value(text, p), point).items() if name in unknowns
    }
    replay = ReplayRun(resolve(parse_job(raw), lambda: 0), 0)
    walk, dtype = replay.walk(0), raw["dtype"]

    assert report.series["value"].values[0] == near(value(text, point), dtype), text
    for name, slope in gradient.items():
        assert report.series[f"grad.{name}"].values[0] == near(slope, dtype), (text, name)
    assert {name: float(slope) for name, slope in replay.gradients().items()} == near(gradient, dtype), text
    assert walk["forward"][-1]["value"] == near(value(text, point), dtype), text
    assert dict.fromkeys(gradient, 0.0) | walk["gradients"] == near(gradient, dtype), text


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("term", [*ONE, *TWO])
def test_made_small(term: str, dtype: str) -> None:
    for text in texts(term, NUMBERS):
        if not names_in(text):
            continue
        raw = {
            "kind": "minimize",
            "objective": text,
            "start": dict(names_in(text)),
            "optimizer": {"type": "sgd", "learning_rate": RATE},
            "dtype": dtype,
        }
        check_search(raw, text, names_in(text))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("term", [*ONE, *TWO])
def test_solved(term: str, dtype: str) -> None:
    """`c` is no unknown: it stands for its number."""
    for text in texts(term, NUMBERS):
        unknowns = [name for name in names_in(text) if name != "c"]
        if not unknowns:
            continue
        raw = {
            "kind": "solve",
            "expression": text,
            "start": dict(names_in(text)),
            "solve_for": unknowns,
            # Where it is already, so that a slope of 0 is no obstacle.
            "target": value(text, names_in(text)) if is_defined(text, names_in(text), [0.0]) else 1.0,
            "tolerance": 1.0,
            "dtype": dtype,
        }
        check_search(raw, text, dict.fromkeys(unknowns, 0.0))


def job(text: str, dtype: str) -> dict[str, Any]:
    return {
        "model": {"expression": text, "parameters": dict(names_in(text))},
        "data": {"inline": {"x": X, "y": Y}},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": RATE},
        "epochs": 1,
        "batch_size": "full",
        "dtype": dtype,
    }


def loss(text: str, rows: list[tuple[float, float]], point: Point) -> float:
    return sum((value(text, {**point, "x": x}) - y) ** 2 for x, y in rows) / len(rows)


def trained_texts(term: str) -> Iterator[str]:
    """With all parameters and the column in use."""
    for text in texts(term, ROWS):
        used = text if names_in(text) else f"a*({text})"
        yield used if re.search(r"\bx\b", used) else f"{used} + 0*x"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("term", [*ONE, *TWO])
def test_trained(term: str, dtype: str) -> None:
    """In float64 the step is generated arithmetic where it can be; its gradients are always NumPy's."""
    for text in trained_texts(term):
        raw, point, rows = job(text, dtype), names_in(text), list(zip(X, Y, strict=True))
        trained = training(raw)
        if not is_defined(text, point, X):
            assert isinstance(trained.advance(1).failure, DomainError), text
            continue
        expected = slopes(lambda p, text=text, rows=rows: loss(text, rows, p), point)  # type: ignore[misc]  # the loop's own

        gradients = {name: float(slope) for name, slope in trained.gradients().items()}
        report = trained.advance(1)

        assert gradients == near(expected, dtype), text
        assert report.failure is None, (text, report.failure)
        assert report.series["loss"].values[0] == near(loss(text, rows, point), dtype), text
        moved = {name: point[name] - RATE * slope for name, slope in expected.items()}
        check_outcome(trained, text, moved, dtype)


def check_outcome(trained: Training, text: str, moved: Point, dtype: str) -> None:
    """What was learned, and what it predicts."""
    outcome = trained.outcome()
    weights = {name: float(array) for name, array in outcome.weights.items()}
    predictor = Predictor(resolved(job(text, dtype)), outcome.weights, Preprocessing())

    assert weights == near(dict(moved), dtype), text
    assert outcome.metrics["train_loss"] == near(loss(text, list(zip(X, Y, strict=True)), weights), dtype), (
        text
    )
    assert predictor.predict(X)["y"] == near([value(text, {**weights, "x": x}) for x in X], dtype), text


@pytest.mark.parametrize(("term", "dtype"), [*product([*ONE, *TWO], ["float64"]), *product(ONE, ["float32"])])
def test_explained(term: str, dtype: str) -> None:
    """The walk of two rows, and the check of the gradient."""
    for text in trained_texts(term):
        raw, point = job(text, dtype), names_in(text)
        if not is_defined(text, point, X):
            continue
        replay = ReplayRun(resolved(raw), 0)
        for row, pair in list(enumerate(zip(X, Y, strict=True)))[1:]:
            walk = replay.walk(row)
            expected = slopes(lambda p, text=text, pair=pair: loss(text, [pair], p), point)  # type: ignore[misc]  # likewise

            assert walk["loss"] == near(loss(text, [pair], point), dtype), text
            assert dict.fromkeys(point, 0.0) | walk["gradients"] == near(expected, dtype), text
        if dtype == "float64":  # which the check takes anyway
            check = check_gradients(resolved(raw), lambda: False)
            assert check.passed, (text, check)
            assert [each.checked for each in check.parameters] == [1] * len(point), text


@pytest.mark.parametrize("term", [*ONE, *TWO])
def test_drawn(term: str) -> None:
    """Every op has a place in each format."""
    text = "x + " + term.format("a", "b")
    view = view_of_spec(resolved(job(text, "float64")))
    graph = to_json(view)

    assert [node["id"] for node in graph["nodes"]] == list(range(len(graph["nodes"])))
    assert to_dot(view).startswith("digraph")
    assert to_svg(view).startswith("<svg")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["relu", "abs"])
def test_a_bend_has_slope_zero(name: str, dtype: str) -> None:
    """As in torch; at 0 a learned number stays where it is."""
    start = {"a": 0.0, "b": 1.0}
    raw = job(f"{name}(a) + {name}(a*x) + b", dtype) | {"data": {"inline": {"x": X, "y": [5.0] * 3}}}
    raw["model"]["parameters"] = start
    trained = training(raw)
    trained.advance(1)
    small = {"kind": "minimize", "objective": f"{name}(a) - b", "start": start, "optimizer": {"type": "sgd"}}
    report = search(small | {"dtype": dtype}).advance(0)

    weights = trained.outcome().weights
    assert float(weights["a"]) == 0.0
    assert float(weights["b"]) > 1.0
    assert report.series["grad.a"].values[0] == 0.0
