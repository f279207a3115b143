"""A mistake in a formula, or between layers, is told also where another key is missing or ill-formed."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_job
from tests.specs import DIGITS, LINE, REMOVED, changed, linear

MINIMIZE: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 1},
    "optimizer": {"type": "sgd"},
}
SOLVE: dict[str, Any] = {"kind": "solve", "expression": "x**2", "start": {"x": 1}, "target": 2}
FORMULAS = {
    "train": (LINE, "model__expression", "/model/expression"),
    "minimize": (MINIMIZE, "objective", "/objective"),
    "solve": (SOLVE, "expression", "/expression"),
}
FAULTS: dict[str, list[tuple[dict[str, Any], str]]] = {
    "train": [
        ({"optimizer": REMOVED}, "/optimizer"),
        ({"optimizer__type": "sdg"}, "/optimizer"),
        ({"optimizer__learning_rate": -1}, "/optimizer/learning_rate"),
        ({"loss": REMOVED}, "/loss"),
        ({"loss": "mes"}, "/loss"),
        ({"data": REMOVED}, "/data"),
        ({"data__inline__x": []}, "/data/inline/x"),
        ({"epochs": 0}, "/epochs"),
        ({"batch_size": "all"}, "/batch_size"),
        ({"stop": {"patience": 0}}, "/stop/patience"),
        ({"lr": 1}, "/lr"),
    ],
    "minimize": [
        ({"optimizer": REMOVED}, "/optimizer"),
        ({"optimizer": {"type": "sgd", "lr": 1}}, "/optimizer/lr"),
        ({"start": REMOVED}, "/start"),
        ({"start": {"x": "1"}}, "/start/x"),
        ({"steps": 0}, "/steps"),
        ({"stop": {"value_below": None, "patience": 3}}, "/stop/patience"),
    ],
    "solve": [
        ({"target": REMOVED}, "/target"),
        ({"start": REMOVED}, "/start"),
        ({"tolerance": -1}, "/tolerance"),
        ({"solve_for": []}, "/solve_for"),
    ],
}
CASES = [(kind, changes, pointer) for kind, faults in FAULTS.items() for changes, pointer in faults]


def problems_of(raw: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        parse_job(raw)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(("kind", "changes", "pointer"), CASES)
def test_a_formula_that_cannot_be_read_is_told_too(kind: str, changes: dict[str, Any], pointer: str) -> None:
    base, key, place = FORMULAS[kind]
    alone = problems_of(changed(base, **changes))
    both = problems_of(changed(base, **{key: "x +* 2"}, **changes))

    assert alone[0][0] == pointer
    assert both == [*alone, (place, "bad_expression")]


@pytest.mark.parametrize(("kind", "changes", "pointer"), CASES)
def test_nothing_is_made_up(kind: str, changes: dict[str, Any], pointer: str) -> None:
    """Where the formula is right, only the other key is told."""
    found = problems_of(changed(FORMULAS[kind][0], **changes))

    assert {place for place, _ in found} == {pointer}


def test_layers_that_do_not_fit_are_told_too() -> None:
    layers = [*linear(64, 32)["layers"], *linear(30, 10)["layers"]]
    raw = changed(DIGITS, optimizer=REMOVED, model={"layers": layers})

    assert problems_of(raw) == [("/optimizer", "missing"), ("/model/layers/1/in", "width_mismatch")]


def test_names_are_told_where_they_do_not_hang_on_what_is_missing() -> None:
    raw = changed(LINE, optimizer=REMOVED, model__expression="a*x + c*z", data=REMOVED)

    assert problems_of(raw) == [
        ("/data", "missing"),
        ("/optimizer", "missing"),
        ("/model/parameters/b", "unused_parameter"),
    ]


def test_what_hangs_on_a_key_that_is_wrong_is_left_out() -> None:
    """A batch norm over one row may be one over many, once the batch size is right."""
    layers = [{"type": "batch_norm_1d", "num_features": 64}, *linear(64, 10)["layers"]]
    raw = changed(DIGITS, model={"layers": layers}, data={"builtin": "digits"}, batch_size=1)
    assert problems_of(raw) == [("/model/layers/0", "one_value_per_channel")]

    assert [place for place, _ in problems_of(raw | {"shuffle": "yes"})] == ["/shuffle"]
