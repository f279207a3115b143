"""Which leads give way: decided of what is held and what waits, without a database."""

from __future__ import annotations

from lockstep.service.store.giving_way import Head, Holding, leavers

TURN_SECONDS = 60.0


def held(job_id: str, owner: str, *, priority: int = 0, workers: int = 1, seconds: float = 60.0) -> Holding:
    return Holding(
        job_id=job_id,
        owner_id=owner,
        priority=priority,
        workers=workers,
        held_seconds=seconds,
        may_leave=True,
    )


def head(owner: str, priority: int = 0) -> Head:
    return Head(owner_id=owner, priority=priority)


def leaving(holdings: list[Holding], heads: list[Head], free: int = 0) -> set[str]:
    return set(leavers(holdings, heads, free, TURN_SECONDS))


def test_nobody_leaves_for_nobody() -> None:
    assert leaving([held("1", "a")], []) == set()


def test_another_owner_and_a_higher_priority_take_the_place() -> None:
    assert leaving([held("1", "a")], [head("b")]) == {"1"}
    assert leaving([held("1", "a")], [head("a", 1)]) == {"1"}
    assert leaving([held("1", "a")], [head("a")]) == set()


def test_a_lower_priority_never_does() -> None:
    assert leaving([held("1", "a", priority=1)], [head("b")]) == set()


def test_a_turn_that_is_not_over_goes_on() -> None:
    assert leaving([held("1", "a", seconds=59.9)], [head("b", 100)]) == set()


def test_an_owner_with_as_many_workers_beside_has_its_share() -> None:
    two_of_b = [held("1", "a"), held("2", "b"), held("3", "b")]
    assert leaving(two_of_b, [head("b")]) == set()
    assert leaving(two_of_b, [head("a")]) == {"2"}


def test_the_owner_with_the_most_workers_gives_way_and_no_more_than_are_needed() -> None:
    holdings = [held("1", "a"), held("2", "b"), held("3", "b", seconds=70), held("4", "b")]
    assert leaving(holdings, [head("c")]) == {"3"}
    assert leaving(holdings, [head("c"), head("d")]) == {"3", "2"}


def test_the_lowest_priority_gives_way_first() -> None:
    holdings = [held("1", "a", priority=2, seconds=600), held("2", "b", priority=1)]
    assert leaving(holdings, [head("c", 3)]) == {"2"}


def test_who_is_free_is_for_the_first_that_wait() -> None:
    holdings = [held("1", "a"), held("2", "b", seconds=61)]
    assert leaving(holdings, [head("c"), head("d")], free=1) == {"2"}
    assert leaving(holdings, [head("c"), head("d")], free=2) == set()


def test_a_lead_that_cannot_take_what_waits_does_not_leave() -> None:
    stays = Holding(job_id="1", owner_id="a", priority=0, workers=1, held_seconds=600.0, may_leave=False)
    assert leaving([stays, held("2", "b")], [head("c")]) == {"2"}


def test_what_gives_way_does_not_come_straight_back() -> None:
    """Whoever left waits behind the one that came, so that the two don't change places for ever."""
    assert leaving([held("1", "b", seconds=0.0)], [head("a")]) == set()
    assert leaving([held("1", "b")], [head("a")]) == {"1"}
