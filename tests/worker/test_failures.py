"""What a job's owner is told when it fails."""

import pytest

from lockstep.core.ground.errors import Diverged, DomainError, InvalidData
from lockstep.service.store.errors import ReplayMismatch
from lockstep.worker.failures import failure_of


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (Diverged("the loss of step 3 is NaN"), "diverged", "/optimizer/learning_rate"),
        (DomainError("log(-1) in step 3"), "domain_error", "/model/expression"),
        (InvalidData("row 3 holds a NaN"), "invalid_data", "/data"),
        (MemoryError(), "out_of_memory", None),
        (ReplayMismatch("loss", 3, "step 3 came again as 2.0"), "internal", None),
        (KeyError("secret"), "internal", None),
    ],
)
def test_codes_are_those_of_the_contract(error: Exception, code: str, param: str | None) -> None:
    failure = failure_of(error)

    assert (failure.code, failure.param) == (code, param)


def test_messages_of_the_core_are_passed_on() -> None:
    assert failure_of(Diverged("the loss of step 3 is NaN")).message == "the loss of step 3 is NaN"


def test_what_is_ours_alone_is_not_shown() -> None:
    assert "secret" not in failure_of(KeyError("secret")).message
