"""What a user reads who submitted a `minimize` or a `solve` wrongly, and how soon."""

from typing import Any

import pytest

from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.spec import MinimizeSpec, SolveSpec, TrainSpec, read_resolved
from lockstep.core.submission import parse_job, resolve, total_steps
from tests.core.formulas.searches import PARABOLA, PRODUCT
from tests.effort import calls_of
from tests.specs import LINE, REMOVED, changed

M, S = PARABOLA, PRODUCT


def problems(raw: object) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        parse_job(raw)
    return caught.value.problems


WRONG: list[tuple[object, str, str, str]] = [
    (changed(M, kind="maximize"), "/kind", "unknown_value", 'did you mean "minimize"?'),
    (changed(M, kind=3), "/kind", "unknown_value", 'one of "train", "minimize", "solve", got 3'),
    (changed(M, kind=["solve"]), "/kind", "unknown_value", "got a list of 1"),
    (
        changed(M, kind=REMOVED),
        "/objective",
        "unknown_key",
        'a job of the kind "minimize" has it: set "kind"',
    ),
    (changed(S, kind=REMOVED), "/target", "unknown_key", 'a job of the kind "solve" has it: set "kind"'),
    (changed(M, objective=REMOVED), "/objective", "missing", "what is made small"),
    (changed(M, objective=""), "/objective", "too_short", "at least 1 character"),
    (changed(M, objective="x" * 1001), "/objective", "too_long", "at most 1000 characters"),
    (changed(M, objective="x^2"), "/objective", "bad_expression", "column 2: ^ is not an operator"),
    (changed(M, objective="x + y"), "/objective", "unknown_name", "alone (x), got y too"),
    (changed(M, start={"x": 1, "y": 2}), "/start/y", "unused_name", "use it or take it out"),
    (changed(M, start={}), "/start", "too_short", "at least 1 entry, got 0"),
    (changed(M, start={"x": "1"}), "/start/x", "wrong_type", "without quotes"),
    (changed(M, start={"x": float("inf")}), "/start/x", "wrong_type", "a finite number"),
    (changed(M, start={"x": [1, 2]}), "/start/x", "wrong_type", "a number, got a list of 2"),
    (changed(M, start={"x-1": 1}), "/start/x-1", "bad_text", "letters a to z"),
    (changed(M, start={"x" * 65: 1}), "/start/" + "x" * 65, "too_long", "at most 64"),
    (changed(M, start={f"x{i}": 1 for i in range(201)}), "/start", "too_long", "at most 200"),
    (changed(M, start={"exp": 1, "x": 1}), "/start/exp", "reserved_name", "a function or a constant"),
    (changed(M, start={"lambda": 1, "x": 1}), "/start/lambda", "reserved_name", "a word of Python's"),
    (changed(M, start={"value": 1}, objective="value"), "/start/value", "reserved_name", '"value1"'),
    (changed(M, optimizer=REMOVED), "/optimizer", "missing", "follow the gradient"),
    (changed(M, optimizer__nesterov=True), "/optimizer/nesterov", "needs_momentum", "set momentum"),
    (changed(M, lr=0.1), "/lr", "unknown_key", 'write "learning_rate" inside "optimizer"'),
    (changed(M, epochs=10), "/epochs", "unknown_key", 'did you mean "steps"?'),
    (changed(M, value_below=1), "/value_below", "unknown_key", 'inside "stop"'),
    (changed(M, seed=1), "/seed", "unknown_key", "take it out"),
    (changed(M, stop__gradient_norm_below=0), "/stop/gradient_norm_below", "out_of_range", "above 0"),
    (changed(M, steps=0), "/steps", "out_of_range", "at least 1"),
    (changed(M, steps=40_000_000), "/steps", "too_many_steps", "at most 33333333 steps"),
    (changed(M, workers=2), "/workers", "too_many_workers", "set it to 1"),
    (changed(M, dtype="float16"), "/dtype", "unknown_value", '"float32"'),
    (changed(M, dtype="float32", start={"x": 1e39}), "/start/x", "too_large", "float64"),
    (changed(S, target=REMOVED), "/target", "missing", "the value that the expression should have"),
    (changed(S, target="150"), "/target", "wrong_type", "without quotes"),
    (changed(S, target=1e39, dtype="float32"), "/target", "too_large", "float64"),
    (changed(S, tolerance=-1), "/tolerance", "out_of_range", "at least 0"),
    (changed(S, solve_for=[]), "/solve_for", "too_short", "at least 1 entry"),
    (changed(S, solve_for="b"), "/solve_for", "wrong_type", "put it in brackets"),
    (changed(S, solve_for=["b", "c"]), "/solve_for/1", "unknown_name", '(w, b), got "c"'),
    (changed(S, solve_for=["b", "b"]), "/solve_for/1", "repeated_name", "take it out"),
    (changed(S, optimizer=M["optimizer"]), "/optimizer", "unknown_key", "take it out"),
    (changed(S, objective="b"), "/objective", "unknown_key", 'did you mean "expression"?'),
]


@pytest.mark.parametrize(("raw", "pointer", "code", "words"), WRONG)
def test_the_problem_is_named(raw: object, pointer: str, code: str, words: str) -> None:
    found = problems(raw)

    assert (pointer, code) in [(problem.pointer, problem.code) for problem in found], found
    assert any(words in problem.message for problem in found if problem.pointer == pointer), found


@pytest.mark.parametrize(
    "hostile",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "x.__class__",
        "(lambda: x)()",
        "[x for x in (1,)]",
        "x if x else x",
        "exec(x)",
        "9**9**9**9**9**9",
        "x**" * 300 + "x",
        "(" * 999 + "x",
        "-" * 999 + "x",
        "~" * 999 + "x",
        "x" + "+x" * 499,
        "sin(" * 200 + "x" + ")" * 200,
        "1" * 999,
        "1e999*x",
        "0x" + "f" * 900,
        "x:=3",
        "f'{x}'",
        "x\x00",
        "ｘ*x",
        "x; import os",
        "x\\\n+1",
        "1_" * 499,
        "e" * 1000,
    ],
)
@pytest.mark.timeout(5)
@pytest.mark.parametrize(("raw", "key"), [(M, "objective"), (S, "expression"), (LINE, "model__expression")])
def test_hostile_expressions_are_refused_at_once(raw: dict[str, Any], key: str, hostile: str) -> None:
    spec = changed(raw, **{key: hostile})

    assert calls_of(lambda: problems(spec)) < 10_000
    assert problems(spec)


@pytest.mark.timeout(5)
def test_hostile_names_and_lists_are_refused_at_once() -> None:
    floods: tuple[dict[str, Any], ...] = (
        {"start": {f"x{i}": 1 for i in range(100_000)}},
        {"start": {"x": 10**4000}},
        {**{f"k{i}": 1 for i in range(100_000)}},
    )
    for flood in floods:
        assert problems(M | flood)
        assert calls_of(lambda: problems(M | flood)) < 1000  # noqa: B023 - called at once


def test_the_defaults_are_those_of_the_contract() -> None:
    minimize = resolve(parse_job(changed(M, stop=REMOVED)), lambda: 0)
    solve = resolve(parse_job(changed(S, solve_for=REMOVED, tolerance=REMOVED)), lambda: 0)

    assert isinstance(minimize, MinimizeSpec)
    assert isinstance(solve, SolveSpec)
    assert (minimize.steps, minimize.dtype, minimize.workers) == (1000, "float64", 1)
    assert (minimize.stop.value_below, minimize.stop.gradient_norm_below) == (None, None)
    assert (solve.solve_for, solve.tolerance, solve.refresh_gradient) == (("w", "b"), 1e-6, True)
    assert (solve.steps, total_steps(solve), total_steps(minimize)) == (1000, 1000, 1000)


def test_without_a_kind_it_is_a_training() -> None:
    assert isinstance(parse_job(LINE), TrainSpec)


@pytest.mark.parametrize("raw", [M, S, LINE])
def test_a_stored_spec_is_read_again(raw: dict[str, Any]) -> None:
    spec = resolve(parse_job(raw), lambda: 7)

    assert read_resolved(spec.kind, spec.model_dump_json(exclude_none=True)) == spec
