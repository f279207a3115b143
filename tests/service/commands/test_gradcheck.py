"""What `lockstep gradcheck` says of a check."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep.service.commands.gradcheck import verdict

RIGHT: dict[str, Any] = {"checked": 3, "passed": True, "worst": {}}
WRONG: dict[str, Any] = {"checked": 3, "passed": False, "worst": {}}
AT_KINKS: dict[str, Any] = {"checked": 3, "passed": False, "worst": None}
LEFT_OUT: dict[str, Any] = {"checked": 0, "passed": False, "worst": None}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([RIGHT, RIGHT], "the gradient is that of the loss"),
        ([RIGHT, WRONG], "the gradient is not that of the loss"),
        ([WRONG, LEFT_OUT], "the gradient is not that of the loss"),
        ([RIGHT, LEFT_OUT], "not all parameters could be checked"),
        ([RIGHT, AT_KINKS], "not all parameters could be checked"),
        ([], "not all parameters could be checked"),
    ],
)
def test_verdict(parameters: list[dict[str, Any]], words: str) -> None:
    passed = bool(parameters) and all(each["passed"] for each in parameters)

    assert verdict({"passed": passed, "loss": 1.0, "parameters": parameters}) == words


def test_a_loss_that_is_not_finite_is_said() -> None:
    unknown = {"passed": False, "worst": None}
    words = verdict({"passed": False, "loss": "Infinity", "parameters": [unknown]})

    assert words == "the loss is Infinity, so there is nothing to compare: change the start or the data"
