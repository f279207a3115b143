"""Every function at the edges of its domain, in value and in slope, in every kind of job.

A place without a value, and one with a value but without a finite slope, end a job as a domain error that
says which of the two it is; all others are ordinary.
"""

import math
import re
from typing import Any

import pytest

from lockstep.core.ground.errors import DomainError
from lockstep.core.learning.report import Report
from lockstep.core.model.expression_syntax import FUNCTIONS, parse_expression
from tests.core.formulas.searches import search
from tests.core.learning.training_jobs import training

LN2 = math.log(2.0)
Point = dict[str, float]
NO_VALUE: list[tuple[str, Point]] = [
    ("ln(p)", {"p": 0.0}),
    ("log(p)", {"p": 0.0}),
    ("ln(p)", {"p": -1.0}),
    ("log(-(p**2))", {"p": 0.0}),
    ("sqrt(p)", {"p": -1.0}),
    ("p**0.5", {"p": -1.0}),
    ("p**-1", {"p": 0.0}),
    ("p**-0.5", {"p": 0.0}),
    ("1/p", {"p": 0.0}),
    ("p/q", {"p": 0.0, "q": 0.0}),
    ("p/q", {"p": 1.0, "q": 0.0}),
    ("p**q", {"p": 0.0, "q": -1.0}),
    ("p**q", {"p": -1.0, "q": 0.5}),
    ("0**q", {"q": -1.0}),
]
NO_SLOPE: list[tuple[str, Point, str, str]] = [
    ("sqrt(p)", {"p": 0.0}, "p", "infinite"),
    ("sqrt(p) + 2*p", {"p": 0.0}, "p", "infinite"),
    ("sqrt(abs(p))", {"p": 0.0}, "abs(p)", "infinite"),
    ("sqrt(p**2)", {"p": 0.0}, "p**2", "infinite"),
    ("p**0.5", {"p": 0.0}, "p", "infinite"),
    ("p**0.25", {"p": 0.0}, "p", "infinite"),
    ("p**q", {"p": 0.0, "q": 0.0}, "q", "infinite"),
    ("p**q", {"p": 0.0, "q": 0.5}, "p", "infinite"),
    ("p**q", {"p": -1.0, "q": 2.0}, "q", "not defined"),
    ("p**q", {"p": -2.0, "q": 0.0}, "q", "not defined"),
    ("0**q", {"q": 0.0}, "q", "infinite"),
    ("(-2)**q", {"q": 2.0}, "q", "not defined"),
    ("p**p", {"p": 0.0}, "p", "infinite"),
]
"""With the name that has no slope, and why."""
ORDINARY: list[tuple[str, Point, float, Point]] = [
    ("abs(p)", {"p": 0.0}, 0.0, {"p": 0.0}),
    ("relu(p)", {"p": 0.0}, 0.0, {"p": 0.0}),
    ("softplus(p)", {"p": 0.0}, LN2, {"p": 0.5}),
    ("sigmoid(p)", {"p": 0.0}, 0.5, {"p": 0.25}),
    ("tanh(p)", {"p": 0.0}, 0.0, {"p": 1.0}),
    ("sin(p)", {"p": 0.0}, 0.0, {"p": 1.0}),
    ("cos(p)", {"p": 0.0}, 1.0, {"p": 0.0}),
    ("tan(p)", {"p": 0.0}, 0.0, {"p": 1.0}),
    ("exp(p)", {"p": 0.0}, 1.0, {"p": 1.0}),
    ("sigmoid(p)", {"p": -1e4}, 0.0, {"p": 0.0}),
    ("softplus(p)", {"p": 1e4}, 1e4, {"p": 1.0}),
    ("tanh(p)", {"p": 1e4}, 1.0, {"p": 0.0}),
    ("exp(p)", {"p": -1e4}, 0.0, {"p": 0.0}),
    ("ln(p)", {"p": 1.0}, 0.0, {"p": 1.0}),
    ("p**0", {"p": 0.0}, 1.0, {"p": 0.0}),
    ("p**1", {"p": 0.0}, 0.0, {"p": 1.0}),
    ("p**1.5", {"p": 0.0}, 0.0, {"p": 0.0}),
    ("p**2", {"p": 0.0}, 0.0, {"p": 0.0}),
    ("p**3", {"p": -1.0}, -1.0, {"p": 3.0}),
    ("p**-2", {"p": -1.0}, 1.0, {"p": 2.0}),
    ("p/q", {"p": 0.0, "q": 1.0}, 0.0, {"p": 1.0, "q": 0.0}),
    ("p**q", {"p": 0.0, "q": 1.0}, 0.0, {"p": 1.0, "q": 0.0}),
    ("p**q", {"p": 0.0, "q": 2.0}, 0.0, {"p": 0.0, "q": 0.0}),
    ("p**q", {"p": 1.0, "q": 0.0}, 1.0, {"p": 0.0, "q": 0.0}),
    ("p**q", {"p": 2.0, "q": 0.0}, 1.0, {"p": 0.0, "q": LN2}),
    ("0**q", {"q": 1.0}, 0.0, {"q": 0.0}),
    ("2**q", {"q": 0.0}, 1.0, {"q": LN2}),
]
KINDS = ["minimize", "solve", "train", "train, arrays", "train, a column"]
DTYPES = ["float64", "float32"]


def run(kind: str, text: str, point: Point, dtype: str) -> tuple[Report, Point]:
    """The first look of a job of that kind, and the gradient that it saw (in a training of value - 0)."""
    if kind in ("minimize", "solve"):
        raw: dict[str, Any] = {"kind": kind, "start": point, "dtype": dtype}
        raw |= (
            {"objective": text, "optimizer": {"type": "sgd"}}
            if kind == "minimize"
            else {"expression": text, "target": 0, "tolerance": 1e9}
        )
        report = search(raw).advance(0)
        return report, {name: report.series[f"grad.{name}"].values[0] for name in point}
    if kind == "train, a column":
        text = re.sub(r"\bp\b", "(p*x)", text)
    raw = {
        "model": {"expression": f"{text} + 0*x" if "x)" not in text else text, "parameters": point},
        "data": {"inline": {"x": [1, 1, 1, 1], "y": [0.25] * 4}},
        "loss": "mae",
        "optimizer": {"type": "sgd", "learning_rate": 0.001},
        "batch_size": 4 if kind == "train, arrays" else "full",
        "dtype": dtype,
        "epochs": 1,
    }
    if kind == "train":  # as generated arithmetic, where there are rules for it
        raw["loss"] = "half_sse"
    return training(raw).advance(1), {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "point"), NO_VALUE)
def test_no_value(text: str, point: Point, kind: str, dtype: str) -> None:
    report, _ = run(kind, text, point, dtype)

    assert isinstance(report.failure, DomainError)
    message = str(report.failure)
    assert re.search(r"expected a .*, got .*, which gives (-?inf|nan)", message), message
    assert ("row 0 of the batch" in message) == (kind == "train, a column" and "p" in point)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "point", "name", "what"), NO_SLOPE)
def test_a_value_without_a_finite_slope(
    text: str, point: Point, name: str, what: str, kind: str, dtype: str
) -> None:
    report, _ = run(kind, text, point, dtype)
    if kind == "train, a column":
        name = re.sub(r"\bp\b", "p*x" if name == "p" else "(p*x)", name)

    assert isinstance(report.failure, DomainError)
    message = str(report.failure)
    assert message.startswith("step 0: ")
    assert re.search(
        rf"the value \S+ is finite but its slope with respect to '{re.escape(name)}' is {what}", message
    )
    assert ("row 0 of the batch" in message) == (kind == "train, a column" and "p" in point)
    assert report.failure.param == {"minimize": "/objective", "solve": "/expression"}.get(
        kind, "/model/expression"
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "point", "value", "slopes"), ORDINARY)
def test_an_ordinary_place(
    text: str, point: Point, value: float, slopes: Point, kind: str, dtype: str
) -> None:
    report, gradient = run(kind, text, point, dtype)

    assert report.failure is None, report.failure
    if gradient:
        assert report.series["value"].values[0] == pytest.approx(value, rel=1e-6)
        assert gradient == pytest.approx(slopes, rel=1e-6)


def test_no_function_is_left_out() -> None:
    texts = [case[0] for cases in (NO_VALUE, NO_SLOPE, ORDINARY) for case in cases]
    called = {name for text in texts for name in parse_expression(text, ["p", "q"]).functions}

    assert called | {"log"} == set(FUNCTIONS)
