"""Tiny formulas on Python's floats: the numbers and words of the ordinary way, whatever cuts the steps."""

import ast
import math
import re
from typing import Any

import numpy as np
import pytest

import lockstep.core.engine.fast.scalar.steps
from lockstep.core.engine.fast.scalar.source import ScalarTraining, source_of
from lockstep.core.engine.fast.scalar.steps import MAX_VALUES
from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.report import Report
from lockstep.core.learning.training import Training
from lockstep.core.optim.sgd import Sgd
from lockstep.core.spec import ResolvedSpec
from tests.core.learning.training_jobs import LINE, finished, resolved, training
from tests.gradcheck import formula

pytestmark = pytest.mark.bits

P = {"a": 0.7, "b": 0.4, "c": 1.3}
FORMULAS = [
    "a*x + b",
    "b - a*x",
    "(a - x)/(b + x)",
    "-(a*x) + x*x*a",
    "sin(a*x + b) + cos(a*x)",
    "tan(a*x/9)",
    "tanh(a*x - b)*exp(-b*x)",
    "ln(a*x + b)",
    "sigmoid(a*x - b)",
    "relu(a*x - 1) + relu(b - x) + abs(a*x - c)",
    "a*x**2 + b*x + c",
    "(a*x)**-1 + (b*x)**1 + (a*x - c)**3 + (b - x)**4",
    "a*b*x + a*b",
    "(a + b)*c",
    "a",
    "a*x + z*b",
]
OPTIMIZERS: list[dict[str, Any]] = [
    {"type": "sgd"},
    {"type": "sgd", "momentum": 0.9},
    {"type": "adam", "betas": [0.8, 0.99], "eps": 1e-6},
]


def job(text: str, loss: str = "mse", **changes: Any) -> dict[str, Any]:
    names = {name: value for name, value in P.items() if re.search(rf"\b{name}\b", text)}
    x: list[Any] = [[0.5, 1.0], [1.5, 0.3], [2.5, -1.0]] if "z" in text else [0.5, 1.5, 2.5]
    return {
        "model": {"expression": text if "x" in text else f"{text} + 0*x", "parameters": names},
        "data": {"inline": {"x": x, "y": [1.0, 2.0, 0.5]}},
        "loss": loss,
        "optimizer": {"type": "sgd", "learning_rate": 0.003},
        "epochs": 30,
        "batch_size": "full",
    } | changes


def is_scalar(trained: Training) -> bool:
    return trained._ahead is not None


def ordinary(raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Training:
    with monkeypatch.context() as patch:
        patch.setattr(lockstep.core.engine.fast.scalar.steps, "MAX_VALUES", -1)
        trained = training(raw)
    assert not is_scalar(trained)
    return trained


def state(trained: Training) -> list[list[float]]:
    checkpoint = trained.checkpoint()
    return [checkpoint.parameters.tolist(), *(vector.tolist() for vector in checkpoint.optimizer.values())]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("loss", ["mse", "sse", "half_sse"])
@pytest.mark.parametrize("text", FORMULAS)
def test_the_numbers_are_those_of_the_ordinary_way(
    text: str, loss: str, optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = job(text, loss, optimizer={"learning_rate": 0.0003, **optimizer})
    scalar, other = training(raw), ordinary(raw, monkeypatch)
    assert is_scalar(scalar)

    losses = [each.advance(30).series["loss"].values for each in (scalar, other)]

    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
    for mine, its in zip(state(scalar), state(other), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["sgd", "momentum", "adam"])
def test_no_cut_changes_a_bit(optimizer: dict[str, Any]) -> None:
    raw = job("a*x**2 + b*x + c", optimizer={"learning_rate": 0.003, **optimizer})
    whole = training(raw)
    whole.advance(30)
    for stride in (1, 7):
        cut = training(raw)
        while not cut.finished:
            saved = Checkpoint.from_bytes(cut.checkpoint().to_bytes())
            cut = training(raw, checkpoint=saved)
            cut.advance(stride)

        assert state(cut) == state(whole)


def test_a_stored_spec_runs_the_same_way() -> None:
    """It names every setting, also those that were left out."""
    spec = resolved(LINE)
    stored = ResolvedSpec.model_validate_json(spec.model_dump_json(by_alias=True))

    assert Training(stored, load_dataset(stored), SoloGroup())._ahead is not None


def words(report: Report) -> tuple[str, str]:
    assert report.failure is not None
    return type(report.failure).__name__, str(report.failure)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"optimizer": {"type": "sgd", "learning_rate": 10}}, Diverged),
        ({"model": {"expression": "ln(a*x) + b", "parameters": {"a": -1, "b": 0}}}, DomainError),
        ({"model": {"expression": "1/(a*x) + b", "parameters": {"a": 0, "b": 0}}}, DomainError),
        ({"model": {"expression": "exp(a*x) + b", "parameters": {"a": 800, "b": 0}}}, Diverged),
        ({"model": {"expression": "(a*x)**2", "parameters": {"a": 1e200}}}, Diverged),
    ],
)
def test_what_fails_fails_at_the_same_step_with_the_same_words(
    changes: dict[str, Any], kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    scalar = training(LINE | changes)
    assert is_scalar(scalar)

    reports = [each.advance(1000) for each in (scalar, ordinary(LINE | changes, monkeypatch))]

    assert isinstance(reports[0].failure, kind)
    assert words(reports[0]) == words(reports[1])
    assert reports[0].step == reports[1].step


def test_a_step_that_floats_cannot_do_is_taken_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """e^800 is no float, but sigmoid(-800) is 0."""
    raw = job(
        "sigmoid(a*x) + b", model={"expression": "sigmoid(a*x) + b", "parameters": {"a": -2000, "b": 0}}
    )
    both = training(raw), ordinary(raw, monkeypatch)

    for each in both:
        each.advance(10)

    assert is_scalar(both[0])
    assert both[0].step == 10
    np.testing.assert_allclose(state(both[0])[0], state(both[1])[0], rtol=1e-12)


def test_loss_below_ends_it() -> None:
    trained = training(LINE | {"stop": {"loss_below": 0.001}})

    losses = trained.advance(1000).series["loss"].values

    assert is_scalar(trained)
    assert trained.stop_reason == "loss_below"
    assert losses[-1] < 0.001 <= losses[:-1].min()


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 2},
        {"dtype": "float32"},
        {"loss": "huber"},
        {"shards": 2},
        {"accumulate": 2, "batch_size": 2},
        {"data": {"inline": {"x": list(range(200)), "y": list(range(200))}}},
        {"data": {"inline": {"x": [1, 2, 3], "y": [6, 8, 10]}, "validation_fraction": 0.4}},
        {"optimizer": {"type": "sgd", "learning_rate": 0.1, "weight_decay": 0.1}},
        {"optimizer": {"type": "adamw"}},
        {"clip": {"norm": 1.0}},
        {"penalty": {"l2": 0.1}},
        {"schedule": {"type": "exponential", "gamma": 0.9}},
        {"stop": {"patience": 3}},
        {"stop": {"restore_best": True}},
        {"stop": {"loss_below": {"value": 0.1, "of": "train"}}},
        {"data": {"inline": {"x": [1, 2], "y": [6, 8]}, "augment": [{"type": "noise", "std": 0.1}]}},
        {"model": {"layers": [{"type": "linear", "in": 1, "out": 1}]}},
        {"model": {"expression": "sqrt(a*x) + b", "parameters": {"a": 4, "b": 1}}},
        {"model": {"expression": "x**a + b", "parameters": {"a": 4, "b": 1}}},
    ],
)
def test_all_else_goes_the_ordinary_way(changes: dict[str, Any]) -> None:
    assert not is_scalar(training(LINE | changes))


HOSTILE = ("eval", "losses", "step", "import_os", "p1", "exp1", "__class__", "print")


OWN = {"run", "data", "state", "first", "count", "below", "losses", "append", "step", "loss", "range"}
OWN |= {"records", "record", "start", "end", "min", "max", "ArithmeticError", "ValueError"}


@pytest.mark.parametrize("stride", [1, 7])
def test_no_word_of_a_user_is_in_the_source(stride: int) -> None:
    """Only numbers, its own names and those of the rules are."""
    names = dict.fromkeys(HOSTILE, 1.5)
    graph = formula("*".join(names) + "*x1 + x2", names, columns=2)
    sgd = Sgd(type="sgd")
    source = source_of(
        ScalarTraining(graph=graph, rows=2, squares=1.0, denominator=2.0, optimizer=sgd, stride=stride)
    )

    found = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}

    assert all(
        name in OWN or (name[0] in "pxyvge" and name[1:].replace("_", "").isdigit()) for name in found
    ), found
    assert calls <= {"range", "append", "record", "min", "max"}


def test_the_line_is_learned_as_it_always_was() -> None:
    trained = finished(training(LINE))

    assert is_scalar(trained)
    assert trained.outcome().weights["a"] == 2.00000078438591
    assert math.isclose(float(trained.outcome().weights["b"]), 3.9999987308369374, rel_tol=0, abs_tol=0)


@pytest.mark.parametrize("rows", [MAX_VALUES, MAX_VALUES + 1])
def test_so_many_values_are_computed_one_by_one(rows: int) -> None:
    """Those of `a*x`, one for each row."""
    numbers = np.linspace(-1.0, 1.0, rows).tolist()

    assert is_scalar(training(job("a*x", data={"inline": {"x": numbers, "y": numbers}}))) == (
        rows == MAX_VALUES
    )
