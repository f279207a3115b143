"""The check finds a wrong gradient, names it, and is honest about kinks and time."""

from typing import Any

import numpy as np
import pytest

from core.explain.gradcheck import GradientCheck, check_gradients
from core.ops.activations import Tanh
from core.ops.base import Site
from tests.core.training_jobs import DIGITS, LINE, resolved


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
    assert (a.passed, a.worst, len(a.at_kinks)) == (True, None, 1)
    assert (b.passed, b.worst, len(b.at_kinks)) == (True, None, 1)
    assert (c.passed, len(c.at_kinks)) == (True, 0)


def test_no_kink_excuses_a_gradient_beyond_both_sides() -> None:
    assert not checked(formula("sqrt(a*x) + b", a=0, b=0)).passed


def test_it_ends_when_time_is_out() -> None:
    asked: list[None] = []

    def after_three() -> bool:
        asked.append(None)
        return len(asked) == 3

    check = check_gradients(resolved(DIGITS), after_three)

    assert not check.complete
    assert sum(each.checked for each in check.parameters) == 3
