"""Optimizers, schedules, limits, stop rules and initializers: what is wrong, named in the user's words."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_spec, total_steps
from tests.specs import DIGITS, changed, linear

D = DIGITS
BIG = linear(64, 1000, 10)

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"optimizer": {"type": "AdamW", "lr": 1}}, "/optimizer", "unknown_kind", 'did you mean "adamw"?'),
    (
        {"optimizer": {"type": "sgd", "nesterov": True}},
        "/optimizer/nesterov",
        "needs_momentum",
        "set momentum, or nesterov to false",
    ),
    (
        {"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True, "dampening": 0.1}},
        "/optimizer/dampening",
        "not_with_nesterov",
        "got 0.1",
    ),
    ({"optimizer": {"type": "lbfgs"}}, "/batch_size", "needs_full_batch", 'write "full"'),
    (
        {"optimizer": {"type": "lbfgs", "history_size": 200}, "batch_size": "full", "model": BIG},
        "/optimizer/history_size",
        "too_much_history",
        "set history_size to at most 133",
    ),
    ({"schedule": "cosine"}, "/schedule", "unknown_kind", 'write {"type": "cosine"}'),
    ({"schedule": {"type": "StepLR"}}, "/schedule", "unknown_kind", 'did you mean "step"?'),
    ({"schedule": {"type": "step"}}, "/schedule/step_size", "missing", "after how many epochs"),
    ({"schedule": {"type": "cosine", "T_max": 3}}, "/schedule/T_max", "unknown_key", 'mean "t_max"?'),
    (
        {"schedule": {"type": "multi_step", "milestones": [3, 3]}},
        "/schedule/milestones/1",
        "not_ascending",
        "got 3 after 3",
    ),
    ({"schedule": {"type": "linear", "per": "batch"}}, "/schedule/per", "unknown_value", '"epoch", "step"'),
    ({"lr_scheduler": {}}, "/lr_scheduler", "unknown_key", 'did you mean "schedule"?'),
    ({"warmup_steps": 5}, "/warmup_steps", "unknown_key", 'write "warmup_steps" inside "schedule"'),
    ({"clip": {}}, "/clip", "one_of", "got neither"),
    ({"clip": {"norm": 1, "value": 1}}, "/clip", "one_of", "got both"),
    ({"clip": {"norm": 0}}, "/clip/norm", "out_of_range", "above 0"),
    ({"clip": 1}, "/clip", "wrong_type", "expected an object, got 1"),
    ({"max_norm": 1}, "/max_norm", "unknown_key", 'write "norm" inside "clip"'),
    ({"l2": 1}, "/l2", "unknown_key", 'write "l2" inside "penalty"'),
    ({"penalty": {"l1": -1}}, "/penalty/l1", "out_of_range", "at least 0"),
    ({"accumulate": 0}, "/accumulate", "out_of_range", "at least 1"),
    ({"stop": {"min_delta": 0.1}}, "/stop/min_delta", "without_effect", "set patience"),
    ({"stop": {"loss_below": 0}}, "/stop/loss_below", "out_of_range", "above 0"),
    ({"stop": {"loss_below": "0.1"}}, "/stop/loss_below", "wrong_type", "without quotes"),
    ({"stop": {"loss_below": [0.1]}}, "/stop/loss_below", "wrong_type", "expected a number"),
    ({"stop": {"loss_below": {"value": 0.1}}}, "/stop/loss_below/of", "missing", 'expected "of"'),
    ({"stop": {"loss_below": {"of": "step"}}}, "/stop/loss_below/value", "missing", 'expected "value"'),
    (
        {"stop": {"loss_below": {"value": -1, "of": "step"}}},
        "/stop/loss_below/value",
        "out_of_range",
        "above 0",
    ),
    (
        {"stop": {"loss_below": {"value": 1, "of": "batch"}}},
        "/stop/loss_below/of",
        "unknown_value",
        '"epoch"',
    ),
    (
        {"stop": {"loss_below": {"value": 1, "of": "step", "in": 2}}},
        "/stop/loss_below/in",
        "unknown_key",
        "known: value, of",
    ),
    (
        {"stop": {"loss_below": {"value": 1, "of": "validation"}}},
        "/stop/loss_below/of",
        "no_validation_part",
        "set data.validation_fraction",
    ),
]
WRONG_INIT: list[tuple[dict[str, Any], str, str, str]] = [
    ({"weight": "he_normal"}, "/weight", "unknown_kind", 'did you mean "kaiming_normal"?'),
    ({"weight": 3}, "/weight", "unknown_kind", "expected an initializer, got 3"),
    ({"weight": {"type": "sparse"}}, "/weight/sparsity", "missing", "the part of each column"),
    ({"weight": {"type": "xavier_normal", "gain": "tan"}}, "/weight/gain", "unknown_value", "tanh"),
    ({"weight": {"type": "uniform", "b": -1}}, "/weight/b", "out_of_range", "at least a, 0, got -1"),
    ({"weight": {"type": "trunc_normal", "a": 3, "b": 4}}, "/weight", "too_narrow", "1% or more"),
    ({"weight": "dirac"}, "/weight", "wrong_axes", "3 to 5 axes for dirac, but 0.weight has 2 axes"),
    ({"bias": "orthogonal"}, "/bias", "wrong_axes", "2 axes or more for orthogonal, but 0.bias has 1 axis"),
    ({"1.weight": "ones"}, "/1.weight", "unknown_parameter", "0.weight, 0.bias, 2.weight"),
]


def refused(raw: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw)
    return [(problem.pointer, problem.code, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(("changes", "pointer", "code", "words"), WRONG)
def test_the_problem_is_named(changes: dict[str, Any], pointer: str, code: str, words: str) -> None:
    problems = refused({**D, **changes})

    assert [(where, what) for where, what, _ in problems] == [(pointer, code)]
    assert words in problems[0][2]


@pytest.mark.parametrize(("init", "pointer", "code", "words"), WRONG_INIT)
def test_the_initializer_is_named(init: dict[str, Any], pointer: str, code: str, words: str) -> None:
    problems = refused(changed(D, model__init=init))

    assert [(where, what) for where, what, _ in problems] == [(f"/model/init{pointer}", code)]
    assert words in problems[0][2]


def test_accumulated_batches_are_one_step() -> None:
    rows = 1438  # of the digits, 359 are kept to test

    assert total_steps(parse_spec({**D, "epochs": 1, "batch_size": 100})) == -(-rows // 100)
    assert total_steps(parse_spec({**D, "epochs": 1, "batch_size": 100, "accumulate": 7})) == 3
    assert total_steps(parse_spec({**D, "epochs": 1, "batch_size": "full", "accumulate": 7})) == 1
