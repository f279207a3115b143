"""A failpoint does what a test has said, and nothing where no test has."""

import pytest

from lockstep.core.ground.failpoints import Failpoint, at_failpoints, failpoints

BEFORE, AFTER = Failpoint("test: before"), Failpoint("test: after")


def test_nothing_happens_unless_a_test_says_so() -> None:
    reached: list[str] = []
    BEFORE.reach()
    at_failpoints(reached.append)
    try:
        BEFORE.reach()
        AFTER.reach()
        BEFORE.reach()
    finally:
        at_failpoints(None)
    AFTER.reach()
    assert reached == ["test: before", "test: after", "test: before"]


def test_what_happens_may_raise_where_it_happens() -> None:
    def fail(name: str) -> None:
        raise ConnectionError(name)

    at_failpoints(fail)
    try:
        with pytest.raises(ConnectionError, match="test: after"):
            AFTER.reach()
    finally:
        at_failpoints(None)


def test_all_points_of_an_area_are_known() -> None:
    assert failpoints("test") == ("test: after", "test: before")
    assert failpoints("tes") == ()


def test_no_name_is_there_twice() -> None:
    with pytest.raises(ValueError, match="a name of its own for a failpoint, got 'test: before' again"):
        Failpoint("test: before")
