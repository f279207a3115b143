"""Each way in which a helper goes, and the word for it."""

import errno
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from lockstep.core.group.leaving import DRAINED, Left, left_by, left_with
from tests.core.group.team import INTRODUCED_BYTES, QUICK, HelperRun, LeadRun, numbers
from tests.core.group.test_faults import STEP_BYTES, WORK
from tests.core.group.wire import Tamper, Wire, cut_at, flip_at, stall_at


def left(run: LeadRun) -> list[object]:
    """The words for those who left."""
    return [data["left"] for kind, data in run.events if kind == "member_left"]


def test_one_that_is_let_go_is_released() -> None:
    with LeadRun(numbers(4)) as run:
        helper = HelperRun(run.lead.address, numbers(4))
        run.steps_until_world_is(2)
        run.lead.release(1)
        run.steps_until(lambda: bool(left(run)))
        helper.join()
        assert left(run) == ["released"]


@pytest.mark.parametrize(
    ("tamper", "word"),
    [
        (lambda at, _: cut_at(at), "died"),
        (lambda at, _: flip_at(at), "cut"),
        (stall_at, "late"),
    ],
)
def test_one_that_is_lost_died_was_cut_off_or_was_late(
    tamper: Callable[[int, threading.Event], Tamper], word: Left
) -> None:
    thawed = threading.Event()
    fault = tamper(INTRODUCED_BYTES + STEP_BYTES + 5000, thawed)
    with (
        LeadRun(WORK, timeouts=replace(QUICK, step_seconds=0.2, least_seconds=0.2)) as run,
        Wire(run.lead.address, to_lead=fault) as wire,
    ):
        helper = HelperRun(wire.address, WORK)
        run.steps_until(lambda: bool(left(run)))
        thawed.set()
        helper.join()
        assert left(run) == [word]


def test_a_goodbye_says_whether_the_worker_stops() -> None:
    assert left_with(DRAINED) == "drained"
    assert left_with("the helper failed") == "died"


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ECONNRESET, "died"),
        (errno.EPIPE, "died"),
        (errno.ETIMEDOUT, "cut"),
        (errno.EHOSTUNREACH, "cut"),
        (errno.ENETDOWN, "cut"),
    ],
)
def test_an_error_of_the_network_is_not_a_death(number: int, word: Left) -> None:
    assert left_by(OSError(number, "it failed")) == word
