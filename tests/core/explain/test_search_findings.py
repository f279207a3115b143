"""Findings about searches: each way to miss a goal is found and told truly, healthy searches have none."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.findings import Finding
from lockstep.core.explain.search_findings import SearchWatcher
from lockstep.core.formulas.search import Search
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Points
from lockstep.core.optim import OPTIMIZERS
from tests.core.formulas.searches import search
from tests.core.test_examples import EXAMPLES


def solve(expression: str, target: float, start: dict[str, float], **changes: Any) -> dict[str, Any]:
    return {"kind": "solve", "expression": expression, "target": target, "start": start, **changes}


def minimize(objective: str, start: dict[str, float], optimizer: Any, **changes: Any) -> dict[str, Any]:
    if not isinstance(optimizer, dict):
        optimizer = {"type": "sgd", "learning_rate": optimizer}
    return {"kind": "minimize", "objective": objective, "start": start, "optimizer": optimizer, **changes}


def watched(
    raw: dict[str, Any], stride: int = 100_000, checkpoint: Checkpoint | None = None
) -> tuple[Search, list[Finding], dict[str, Points]]:
    """The search at its end, what was told of it, and its whole history."""
    run = search(raw, checkpoint)
    assert isinstance(run, Search)
    watcher = SearchWatcher(run.spec)
    told: list[Finding] = []
    series: dict[str, Points] = {}
    while not run.finished:
        report = run.advance(stride)
        watcher.add(report.series)
        told += watcher.new()
        for name, points in report.series.items():
            series[name] = Points.joined([series[name], points]) if name in series else points
        if report.failure is not None:
            break
    return run, told, series


SLOW = {"type": "lion", "learning_rate": 0.1}
SICK = [
    # Newton's cycles, of two points and of four.
    ("cycling", solve("x**3 - 2*x + 2", 0, {"x": 0}), "value = 1, x = 1 at step 999"),
    ("cycling", solve("abs(x) + 1", 0, {"x": 1}), "the target is 0. Try another start"),
    ("cycling", minimize("(x**2 - 1)**2", {"x": 0.3}, 0.31, steps=3000), "The same 4 points come again"),
    ("cycling", solve("x**2", 5, {"x": 1.05}, refresh_gradient=False), "Try refresh_gradient true"),
    ("cycling", minimize("x**2", {"x": 1.2}, 1.0), "Try a lower optimizer.learning_rate"),
    ("cycling", minimize("abs(x)", {"x": 1.2}, 0.5), "value = 0.3, x = -0.3 at step 999"),
    ("cycling", minimize("x**2", {"x": 1}, SLOW, stop={"value_below": 1e-40}), "(it is 1e-40)"),
    # Targets that the expression never has.
    ("wandering", solve("tan(x)", 1e300, {"x": 1}), "a target that the expression can have"),
    ("wandering", solve("x**2", -1, {"x": 0.7}), "no nearer to the target, -1:"),
    ("wandering", solve("x**2 + y**2", -3, {"x": 1, "y": 2}), "fewer names in solve_for"),
    ("wandering", minimize("(x**2 - 1)**2", {"x": 0.3}, 0.5), "comes no lower"),
    ("wandering", minimize("sin(x)", {"x": 1}, 1e6), "a schedule that lowers it"),
    ("growing", minimize("x**2", {"x": 1.2}, 1000, steps=30), "value = 1.61113e+198 at step 30"),
    ("growing", minimize("x**2", {"x": 1.2}, 1.001, steps=4000), "after value = 1.44, x = 1.2 at step 0"),
    (
        "growing",
        minimize("x**2", {"x": 1.2}, {"type": "sgd", "learning_rate": 3.9, "momentum": 0.9}, steps=150),
        "Try a lower optimizer.learning_rate",
    ),
    ("growing", solve("x**3", 8, {"x": 1}, refresh_gradient=False, steps=5), "Try refresh_gradient true"),
    ("unbounded", minimize("x", {"x": 1.2}, 0.3), "may have no minimum"),
    ("unbounded", minimize("x", {"x": 0}, {"type": "adam", "learning_rate": 1}), "stop.value_below"),
    ("unbounded", minimize("-x**2", {"x": 1.2}, 0.1, steps=100), "after value = -1.44, x = 1.2 at step 0"),
    (
        "unbounded",
        minimize("cos(x) + y", {"x": 0, "y": 0}, 0.3, stop={"gradient_norm_below": 0.5}),
        "y = -300 at step 1000",
    ),
    (
        "stalled",
        minimize("sigmoid(x)", {"x": 100}, 0.3),
        "Nothing has moved since the start: value = 1, x = 100",
    ),
    ("stalled", minimize("cos(x)", {"x": 0}, 1), "grad.x = 0 at step 1000"),
    ("stalled", minimize("-5*exp(-x**2)", {"x": 1}, 50), "the lowest was value = -1.8394 at step 0"),
    ("stalled", minimize("x**2", {"x": 1.2}, 1e-8), "Hardly anything has changed: value = 1.44"),
    (
        "stalled",
        minimize("x**2 + 1", {"x": 1.2}, 0.3, stop={"value_below": 0.5}),
        "stop.value_below (it is 0.5)",
    ),
    ("stalled", minimize("x**2 + 1", {"x": 1.2}, 1e-6, stop={"value_below": 0.5}), "Hardly anything changes"),
    (
        "stalled",
        minimize("sin(x)", {"x": 1e17}, 1e-3, stop={"gradient_norm_below": 1e-6}),
        "a higher stop.gradient_norm_below (it is 1e-06)",
    ),
    ("stalled", solve("sigmoid(x)", 0.9, {"x": 0.1}, tolerance=0), "float64 knows no nearer value"),
    ("stalled", solve("x*x", 2, {"x": 0.1}, tolerance=1e-9, dtype="float32"), 'or dtype "float64"'),
    (
        "stalled",
        solve("x + 1e6*tanh(1e6*x)", 2e6, {"x": 0}, refresh_gradient=False),
        "Hardly anything changes",
    ),
    ("stalled", solve("sigmoid(1e17*(x - 1))", 0.9, {"x": 1}), "float64 knows no nearer value"),
    (
        "stalled",
        solve("sigmoid(1e17*(x - 1))", 0.9, {"x": 1}, refresh_gradient=False),
        "by the slope of the start",
    ),
]


@pytest.mark.parametrize(("code", "raw", "words"), SICK)
def test_each_way_to_miss_a_goal_is_found_with_what_to_try(
    code: str, raw: dict[str, Any], words: str
) -> None:
    run, told, _ = watched(raw)

    assert run.outcome().reached is not True
    assert [found.code for found in told] == [code], told
    assert words in told[0].message
    assert re.search(r"\b[Tt]ry ", told[0].message)
    assert (told[0].step, told[0].layer) == (run.step, None)


NUMBERS = re.compile(r"((?:[\w.]+ = [-+.\de]+(?:, )?)+) at step (\d+)")


@pytest.mark.parametrize("raw", [raw for _, raw, _ in SICK])
def test_every_number_of_a_message_stands_in_the_history_at_its_step(raw: dict[str, Any]) -> None:
    _, (found,), series = watched(raw)

    places = NUMBERS.findall(found.message)

    assert places
    for numbers, step in places:
        for name, number in re.findall(r"([\w.]+) = ([-+.\de]+)", numbers):
            assert float(number) == pytest.approx(series[name].values[int(step)], rel=1e-5, abs=0)


@pytest.mark.parametrize("raw", [raw for _, raw, _ in SICK])
def test_the_end_of_a_search_is_told_alike_however_its_points_came(raw: dict[str, Any]) -> None:
    _, told, series = watched(raw)
    watcher = SearchWatcher(search(raw).spec)  # type: ignore[attr-defined]

    for start in range(0, len(series["value"].steps), 7):
        part = slice(start, start + 7)
        watcher.add({n: Points(steps=p.steps[part], values=p.values[part]) for n, p in series.items()})

    assert watcher.new() == told
    assert watcher.new() == []


OBJECTIVES = [
    ("x**2 + sin(y)**2", "xy"),
    ("(x - 3)**2 + 2*(y + 1)**2", "xy"),
    ("softplus(x) + softplus(-x)", "x"),
    ("exp(x) - 2*x", "x"),
    ("sin(x) + 0.1*x**2", "x"),
    ("(1 - x)**2 + (y - x**2)**2", "xy"),
    ("-exp(-x**2 - y**2)", "xy"),
    ("ln(x**2 + 1) - 7", "x"),
]
RATES = {"sgd": 0.1, "adagrad": 0.5, "rmsprop": 0.01, "lion": 0.003}
HEALTHY_OPTIMIZERS = [
    *({"type": name, "learning_rate": RATES.get(name, 0.05)} for name in OPTIMIZERS if name != "lbfgs"),
    {"type": "lbfgs", "learning_rate": 0.1, "history_size": 3},
    {"type": "sgd", "learning_rate": 0.01},
    {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    {"type": "sgd", "learning_rate": 0.02, "momentum": 0.95, "nesterov": True},
]


def healthy_descents(optimizer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    dice = random.Random(str(optimizer))
    for objective, names in OBJECTIVES:
        for steps in (40, 300, 1200):
            start = {name: dice.uniform(-1.5, 1.5) for name in names}
            yield minimize(objective, start, optimizer, steps=steps)
        # lion's steps all have one length: it comes to no gradient that is short.
        if optimizer["type"] != "lion":
            yield minimize(objective, start, optimizer, steps=300, stop={"gradient_norm_below": 0.05})


@pytest.mark.parametrize("optimizer", HEALTHY_OPTIMIZERS, ids=str)
def test_a_descent_that_comes_down_has_no_findings(optimizer: dict[str, Any]) -> None:
    for raw in healthy_descents(optimizer):
        assert watched(raw)[1] == [], raw


EXPRESSIONS = [
    ("x**3 - x", 5, "x"),
    ("exp(x)", 3, "x"),
    ("x*y", 3, "xy"),
    ("(2*w + 3*b)*(2*b + 1)", 150, "wb"),
    ("ln(x**2 + 1) + x", 2, "x"),
    ("x**5", 1e5, "x"),
    ("x**2*1e-3", 1e5, "x"),
    ("1/x", 0, "x"),
    ("(x - 2)**3", 0, "x"),
]


@pytest.mark.parametrize(("expression", "target", "names"), EXPRESSIONS)
@pytest.mark.parametrize("stride", [3, 100_000])
def test_a_search_that_comes_to_its_target_has_no_findings(
    expression: str, target: float, names: str, stride: int
) -> None:
    dice = random.Random(expression)
    for _ in range(15):
        raw = solve(expression, target, {name: dice.uniform(0.3, 1.9) for name in names})

        run, told, _ = watched(raw, stride)

        assert (run.stop_reason, run.outcome().reached, told) == ("tolerance", True, []), raw


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem in ("minimize", "solve")])
def test_the_examples_reach_their_goals_and_have_no_findings(path: Any) -> None:
    run, told, _ = watched(json.loads(path.read_text(encoding="utf-8")))

    assert (run.outcome().reached, told) == (True, [])


@pytest.mark.parametrize(("goal", "codes"), [(-1e3, []), (-1e6, ["stalled"])])
def test_a_search_that_falls_towards_its_goal_is_on_its_way_if_its_pace_leads_there(
    goal: float, codes: list[str]
) -> None:
    run, told, _ = watched(minimize("x", {"x": 1.2}, 0.3, stop={"value_below": goal}))

    assert run.outcome().reached is False
    assert [found.code for found in told] == codes


def test_what_has_converged_is_no_stall_after_a_resume() -> None:
    raw = minimize("(x - 3)**2", {"x": 1}, 0.3, steps=3000)
    before = search(raw)
    before.advance(2000)

    run, told, _ = watched(raw, checkpoint=Checkpoint.from_bytes(before.checkpoint().to_bytes()))

    assert (run.step, run.outcome().reached, told) == (3000, None, [])


def test_what_does_not_move_from_its_start_is_a_stall_after_a_resume_too() -> None:
    raw = minimize("sigmoid(x)", {"x": 100}, 0.3, steps=3000)
    before = search(raw)
    before.advance(2000)

    _, told, _ = watched(raw, checkpoint=Checkpoint.from_bytes(before.checkpoint().to_bytes()))

    assert [found.code for found in told] == ["stalled"]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_points_without_finite_numbers_are_passed_over(value: float) -> None:
    run = search(minimize("x**2", {"x": 1.2}, 1000, steps=30))
    assert isinstance(run, Search)
    watcher = SearchWatcher(run.spec)
    series = dict(run.advance(100).series)
    series["value"].values[-1] = value

    watcher.add(series)

    assert [(found.code, found.step) for found in watcher.new()] == [("growing", 29)]


def test_a_search_without_points_has_no_findings() -> None:
    run = search(minimize("x**2", {"x": 1.2}, 0.1))
    assert isinstance(run, Search)

    assert SearchWatcher(run.spec).new() == []
