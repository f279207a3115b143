"""The check finds a wrong gradient, names it, and is honest about kinks and time."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.gradcheck import GradientCheck, check_gradients
from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.tanh import Tanh
from tests.core.learning.training_jobs import DIGITS, LINE, resolved


def never() -> bool:
    return False


def checked(raw: dict[str, Any]) -> GradientCheck:
    return check_gradients(resolved(raw), never)


def formula(text: str, **parameters: float) -> dict[str, Any]:
    return LINE | {"model": {"expression": text, "parameters": parameters}}


def test_a_right_gradient_passes() -> None:
    check = checked(DIGITS | {"penalty": {"l1": 0.01, "l2": 0.1}})

    assert check.passed
    assert check.complete
    assert check.rows == 8
    assert [each.name for each in check.parameters] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(each.checked and each.worst for each in check.parameters)


def test_a_wrong_gradient_is_found_and_its_worst_element_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets_the_square(self: Tanh, site: Site) -> None:  # noqa: ARG001 - an op's method
        site.call(np.subtract, site.number(1.0), site.y, site.gx(0))
        site.call(np.multiply, site.gx(0), site.gy, site.gx(0))

    monkeypatch.setattr(Tanh, "gradient", forgets_the_square)
    check = checked(DIGITS)

    assert not check.passed
    passed = {each.name: each.passed for each in check.parameters}
    assert passed == {"0.weight": False, "0.bias": False, "2.weight": True, "2.bias": True}
    worst = check.parameters[0].worst
    assert worst is not None
    assert worst.relative_error > 1e-3
    assert 0 <= worst.index[0] < 16
    assert 0 <= worst.index[1] < 64


def test_elements_at_a_kink_are_told_apart() -> None:
    check = checked(formula("relu(a*x) + abs(b) + c", a=0, b=0, c=1))

    a, b, c = check.parameters
    assert (a.passed, a.worst, len(a.at_kinks)) == (False, None, 1)
    assert (b.passed, b.worst, len(b.at_kinks)) == (False, None, 1)
    assert (c.passed, len(c.at_kinks)) == (True, 0)


def test_no_kink_excuses_a_gradient_beyond_both_sides() -> None:
    assert not checked(formula("sqrt(a*x) + b", a=0, b=0)).passed


def test_a_loss_that_is_not_finite_is_compared_with_nothing() -> None:
    check = checked(formula("log(a*x) + b", a=0, b=1))

    assert (check.loss, check.passed) == (np.inf, False)
    assert [(each.checked, each.worst) for each in check.parameters] == [(0, None)] * 2


def test_it_ends_when_time_is_out() -> None:
    asked: list[None] = []

    def after_three() -> bool:
        asked.append(None)
        return len(asked) == 3

    check = check_gradients(resolved(DIGITS), after_three)

    assert not check.complete
    assert [each.checked for each in check.parameters] == [1, 1, 1, 0]


def test_what_was_not_looked_at_has_not_passed() -> None:
    check = check_gradients(resolved(DIGITS), lambda: True)

    assert [(each.checked, each.passed) for each in check.parameters] == [
        (1, True), (0, False), (0, False), (0, False),
    ]  # fmt: skip
    assert not check.passed
    assert not GradientCheck(loss=0.0, rows=8, parameters=(), complete=True).passed


@pytest.mark.parametrize(
    "loss",
    [
        {"type": "cross_entropy", "ignore_index": 2},
        {"type": "cross_entropy", "weight": [1, 1, 0]},
        {"type": "multi_margin", "weight": [1, 1, 0]},
    ],
)
def test_rows_that_do_not_count_are_passed_over(loss: dict[str, Any]) -> None:
    """Of ten first ones the loss is 0, and so is any gradient of it."""
    raw = {
        "model": {"layers": [{"type": "linear", "in": 1, "out": 3}]},
        "data": {"inline": {"x": list(range(16)), "y": [2] * 10 + [0, 1] * 3}},
        "loss": loss,
        "optimizer": {"type": "sgd"},
    }
    check = checked(raw)

    assert check.passed
    assert (check.rows, check.loss > 0) == (6, True)
    assert all(each.worst is not None and each.worst.gradient != 0 for each in check.parameters)


def test_numbers_that_an_embedding_does_not_know_are_refused() -> None:
    layers = [
        {"type": "embedding", "num_embeddings": 5, "embedding_dim": 2},
        {"type": "flatten"},
        {"type": "linear", "in": 128, "out": 10},
    ]
    with pytest.raises(InvalidData, match="expected whole numbers from 0 to 4"):
        checked(DIGITS | {"model": {"layers": layers}, "data": {"builtin": "digits"}})
