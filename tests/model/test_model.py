"""The transition table keeps its promises in every state that can be reached, and all of it is modelled."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import ColumnElement, bindparam, case, func, null, or_, select, true

from lockstep.service.store.database import clock
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS
from tests.model.__main__ import SCENARIOS
from tests.model.expressions import NotModelled, columns_in, computed
from tests.model.moves import PLAIN, Moves
from tests.model.rows import TICK_SECONDS, Rows
from tests.model.search import Found, Search


@pytest.fixture(scope="module")
def searched() -> Callable[[str], Found]:
    """What the search of a scenario found; each is searched once."""
    found: dict[str, Found] = {}

    def search(name: str) -> Found:
        if name not in found:
            found[name] = Search(Moves(JOBS, SCENARIOS[name])).run()
        return found[name]

    return search


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(120)
def test_nothing_is_broken_and_every_state_has_a_way_to_an_end(
    name: str, searched: Callable[[str], Found]
) -> None:
    found = searched(name)

    assert found.violations == ()
    assert found.states > 100


@pytest.mark.timeout(240)
def test_every_act_of_the_table_is_done_somewhere(searched: Callable[[str], Found]) -> None:
    done: set[str] = set().union(*(searched(name).acts for name in SCENARIOS))

    assert {change.act for change in JOBS.changes} - done == set()


@pytest.mark.timeout(240)
def test_all_that_goes_wrong_went_wrong(searched: Callable[[str], Found]) -> None:
    faults = {"crash", "freeze", "thaw", "fenced", "lose_ring", "double_ring", "hear", "tick", "ring"}

    assert faults <= set(searched("one job, rings lost and doubled").acts)


x, y = jobs.c.step, jobs.c.epoch
EXPRESSIONS: dict[str, tuple[ColumnElement[Any], object]] = {
    "sum": (x + 2 + y, 12),
    "difference": (x - clock(), 7.0),
    "parameter": (x * bindparam("factor"), 21),
    "a NULL on the way": (jobs.c.evictions + 1, None),
    "coalesce": (func.coalesce(jobs.c.evictions, y), 3),
    "a case": (case((x < y, 1), (x >= y, 2), else_=3), 2),
    "unknown and false": ((jobs.c.evictions > 1) & (x < y), False),
    "unknown and true": ((jobs.c.evictions > 1) & (x > y), None),
    "unknown or true": (or_(jobs.c.evictions > 1, x > y), True),
    "not": (~(x == 7), False),
    "in": (x.in_([1, 7]), True),
    "is null": (jobs.c.evictions.is_(None), True),
    "is distinct": (x.is_distinct_from(null()), True),
    "true": (true(), True),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_are_computed_as_a_database_does(name: str) -> None:
    expression, value = EXPRESSIONS[name]

    assert computed(expression, {"step": 7, "epoch": 3, "evictions": None}, {"factor": 3}) == value


def test_what_can_not_be_computed_is_refused() -> None:
    with pytest.raises(NotModelled):
        computed(select(x).scalar_subquery(), {}, {})
    with pytest.raises(NotModelled):
        computed(func.random(), {}, {})


def test_the_columns_of_an_expression_are_found() -> None:
    assert columns_in(case((x < 1, y), else_=jobs.c.attempt)) == {"step", "epoch", "attempt"}


def test_conditions_decide_which_columns_the_model_has() -> None:
    rows = Rows(JOBS)

    assert {"status", "attempt", "evictions", "verifies", "arithmetic", "fingerprint"} <= set(rows.columns)
    assert "spec_json" not in rows.columns


def test_times_pass_in_ticks() -> None:
    moves = Moves(JOBS, PLAIN)
    row = moves.rows.new({})
    held = moves.rows.put(row, lease_expires_at=moves.rows.known("lease_expires_at", TICK_SECONDS))

    later = moves.rows.later(held)

    assert moves.value(held, "lease_expires_at") > 0 > moves.value(later, "lease_expires_at")
    assert moves.rows.later(later) == later
