"""Who has been in a group, by its events and its figures."""

from dataclasses import replace

from lockstep.core.group.figures import MemberFigures
from lockstep.worker.roster import Arrival, Roster
from tests.service.store.test_members import LEAD

SHOWN = MemberFigures(
    rank=0,
    worker_id=LEAD.worker_id,
    host=LEAD.host,
    role="lead",
    transport="none",
    generation=5,
    joined_collective=0,
    shards=2,
    compute_seconds=9.0,
    exchange_seconds=2.0,
    waiting_seconds=1.0,
)


def arrival(worker_id: str, step: int, rank: int = 1) -> Arrival:
    return Arrival(worker_id=worker_id, host="there", rank=rank, generation=1, step=step)


def test_a_stay_has_the_figures_of_the_last_look() -> None:
    roster = Roster(LEAD)
    roster.saved()
    roster.arrived(arrival("b", 10))
    helper = replace(SHOWN, rank=1, worker_id="b", transport="tcp", compute_seconds=3.0)
    roster.look([SHOWN, helper])
    roster.left("b", "late", 14)
    roster.look([SHOWN])

    lead, stay = roster.unsaved
    assert (lead.number, lead.compute_seconds, lead.shards, lead.generation) == (0, 9.0, 2, 5)
    assert (stay.number, stay.transport, stay.compute_seconds) == (1, "tcp", 3.0)
    assert (stay.joined_step, stay.left_step, stay.left) == (10, 14, "late")


def test_who_comes_again_stays_again() -> None:
    roster = Roster(LEAD)
    roster.arrived(arrival("b", 10))
    roster.left("b", "released", 12)
    roster.arrived(arrival("c", 20))
    roster.arrived(arrival("b", 20, rank=2))
    roster.left("b", "released", 20)
    roster.left("b", "died", 21)

    stays = [(stay.worker_id, stay.joined_step, stay.left_step, stay.left) for stay in roster.unsaved[1:]]
    assert stays == [("b", 10, 12, "released"), ("c", 20, None, None), ("b", 20, 20, "released")]
    assert roster.most == 3


def test_only_what_has_changed_is_unsaved() -> None:
    roster = Roster(LEAD)
    roster.look([SHOWN])
    roster.saved()
    roster.look([SHOWN])
    assert roster.unsaved == []

    roster.look([replace(SHOWN, compute_seconds=10.0)])
    assert [stay.number for stay in roster.unsaved] == [0]


def test_who_left_between_two_looks_is_known() -> None:
    roster = Roster(LEAD)
    roster.arrived(arrival("b", 10))
    roster.left("b", "died", 9)

    assert [(stay.joined_step, stay.left_step) for stay in roster.unsaved[1:]] == [(10, 10)]
