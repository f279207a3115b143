"""The search finds faults that are planted in the transition table, each by the rule that it breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from lockstep.service.store.lifecycle import Effect, Lifecycle, StatusChange
from lockstep.service.store.transitions import JOBS
from tests.model.moves import PLAIN, Moves, Scenario
from tests.model.search import NO_WAY, Search

Plant = Callable[[StatusChange], StatusChange | None]
HELD_BY_TWO = replace(PLAIN, rings=False)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to each change of the table (None: it is left out), and the rule that this breaks."""

    plant: Plant
    rule: str
    scenario: Scenario = HELD_BY_TWO


def planted(fault: Fault) -> Lifecycle:
    """The table with the fault in it."""
    changes = tuple(change for each in JOBS.changes if (change := fault.plant(each)) is not None)
    assert changes != JOBS.changes, "the fault changes nothing"
    return replace(JOBS, changes=changes)


def without(column: str, *acts: str) -> Plant:
    """The acts no longer write the column."""

    def plant(change: StatusChange) -> StatusChange:
        if change.act not in acts or column not in change.values:
            return change
        effects = (
            Effect(words=each.words, values={name: to for name, to in each.values.items() if name != column})
            for each in change.effects
        )
        return replace(change, effects=tuple(effects))

    return plant


def writing(column: str, value: object, act: str) -> Plant:
    """The act writes another value."""

    def plant(change: StatusChange) -> StatusChange:
        effect = Effect(words="a fault", values={column: value})
        return replace(change, effects=(*change.effects, effect)) if change.act == act else change

    return plant


def also_from(status: str, act: str) -> Plant:
    """The act takes one more status."""

    def plant(change: StatusChange) -> StatusChange:
        is_first = change is JOBS.of_act(act)[0]
        return replace(change, sources=(*change.sources, status)) if is_first else change

    return plant


def to(target: str, act: str, source: str) -> Plant:
    """The act leads elsewhere from a status."""

    def plant(change: StatusChange) -> StatusChange:
        is_it = change.act == act and source in change.sources
        return replace(change, target=target) if is_it else change

    return plant


def no(act: str, source: str) -> Plant:
    """The act does nothing in a status."""

    def plant(change: StatusChange) -> StatusChange | None:
        return None if change.act == act and source in change.sources else change

    return plant


FAULTS: Mapping[str, Fault] = {
    "an eviction leaves the attempt": Fault(plant=without("attempt", "evict"), rule="attempts grow"),
    "a release leaves the attempt": Fault(plant=without("attempt", "release"), rule="attempts grow"),
    "a claim starts the attempts again": Fault(plant=writing("attempt", 1, "claim"), rule="attempts grow"),
    "a claim is taken from its holder": Fault(plant=also_from("running", "claim"), rule="one holder"),
    "what succeeded is cancelled": Fault(plant=also_from("succeeded", "cancel"), rule="what is over stays"),
    "what failed is claimed": Fault(plant=also_from("failed", "claim"), rule="what is over stays"),
    "what was cancelled is evicted": Fault(plant=also_from("cancelled", "evict"), rule="what is over stays"),
    "a crash undoes a cancel": Fault(plant=to("queued", "evict", "cancelling"), rule="a cancel is final"),
    "a drain undoes a cancel": Fault(plant=to("queued", "release", "cancelling"), rule="a cancel is final"),
    "a crash takes back what is to end": Fault(
        plant=to("running", "evict", "cancelling"), rule="what is to end goes on"
    ),
    "a crash undoes a pause": Fault(plant=to("queued", "evict", "pausing"), rule="what is to end goes on"),
    "a paused job is claimed": Fault(plant=also_from("paused", "claim"), rule="what is set aside stays"),
    "a pause keeps its claim": Fault(
        plant=without("worker_id", "finish_pause"), rule="a claim has a worker and a lease"
    ),
    "a pause leaves the attempt": Fault(plant=without("attempt", "finish_pause"), rule="attempts grow"),
    "a job succeeds after its cancel": Fault(
        plant=also_from("cancelling", "succeed"), rule="a cancel is final"
    ),
    "an evicted job keeps its worker": Fault(
        plant=without("worker_id", "evict"), rule="a claim has a worker and a lease"
    ),
    "a job that ended keeps its lease": Fault(
        plant=without("lease_expires_at", "succeed"), rule="a claim has a worker and a lease"
    ),
    "a claim has no lease": Fault(
        plant=without("lease_expires_at", "claim"), rule="a claim has a worker and a lease"
    ),
    "a renewal after the end": Fault(
        plant=also_from("succeeded", "renew"), rule="a claim has a worker and a lease"
    ),
    "a success without a result": Fault(plant=without("result_json", "succeed"), rule="an end is told"),
    "an end without its time": Fault(plant=without("finished_at", "fail"), rule="an end is told"),
    "evictions are not counted": Fault(
        plant=without("evictions", "evict"), rule="a job that kills workers ends"
    ),
    "what is to end is not evicted": Fault(plant=no("evict", "cancelling"), rule=NO_WAY),
    "nobody claims": Fault(plant=no("claim", "queued"), rule=NO_WAY),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    fault = FAULTS[name]

    found = Search(Moves(planted(fault), fault.scenario)).run()

    assert fault.rule in {violation.rule for violation in found.violations}, found.violations


def test_two_holders_need_no_rule_about_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that rule the same fault is found by what it leads to: two that may write."""
    from tests.model import rules

    kept = {name: rule for name, rule in rules.OF_MOVES.items() if name != "attempts grow"}
    monkeypatch.setattr(rules, "OF_MOVES", kept)
    for act in ("evict", "release"):
        fault = Fault(plant=without("attempt", act), rule="one holder")

        found = Search(Moves(planted(fault), HELD_BY_TWO)).run()

        assert [violation.rule for violation in found.violations] == ["one holder"]
