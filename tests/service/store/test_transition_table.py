"""What must hold of the transition table, whatever statuses are added; and that nobody goes around it."""

import ast
from pathlib import Path

import pytest

from lockstep.service.store import transitions
from lockstep.service.store.lifecycle import Lifecycle, StatusChange
from lockstep.service.store.replay_transitions import REPLAYS
from lockstep.service.store.statuses import HELD, JOB_PHASES, OVER, STATUSES
from lockstep.service.store.transitions import JOBS
from tests.service.store.transitions_page import PAGE, page

STORE = Path(transitions.__file__).parent
DECLARE_STATUSES = {
    "statuses.py",
    "transitions.py",
    "replay_transitions.py",
    "lifecycle.py",
    "replay_table.py",
    "tables.py",
}
"""The last two: CHECK constraints, which a migration made; lifecycle.py: how attempts end."""
LIVES = pytest.mark.parametrize("life", [JOBS, REPLAYS], ids=["jobs", "replays"])


def ends_a_claim(life: Lifecycle, change: StatusChange) -> bool:
    is_held = any(life.phases[source] in HELD for source in change.sources)
    return is_held and change.target is not None and life.phases[change.target] not in HELD


def test_each_status_has_a_phase() -> None:
    assert tuple(JOB_PHASES) == STATUSES


@LIVES
def test_changes_are_between_declared_statuses(life: Lifecycle) -> None:
    named = {status for change in life.changes for status in (*change.sources, change.target)} - {None}

    assert named == set(life.phases)


@LIVES
def test_whoever_ends_a_claim_frees_the_row(life: Lifecycle) -> None:
    ending = [change for change in life.changes if ends_a_claim(life, change)]

    assert ending
    for change in ending:
        freed = {column: change.values.get(column, "kept") for column in ("worker_id", "lease_expires_at")}
        assert freed == {"worker_id": None, "lease_expires_at": None}, change


@LIVES
def test_a_time_of_the_end_is_written_by_what_ends_it_alone(life: Lifecycle) -> None:
    for change in life.changes:
        if change.target is not None and change.sources:
            is_over = life.phases[change.target] in OVER
            assert (change.values.get("finished_at") is not None) == is_over, change


@LIVES
def test_what_the_holder_and_the_user_may_do_follows_from_the_status_alone(life: Lifecycle) -> None:
    """They look the change up under the row's lock; only a question is asked again by its age."""
    conditions = [
        change.act for change in life.changes if change.who in ("holder", "user") and change.only_if
    ]

    assert conditions == ([] if life is JOBS else ["ask_again", "ask_anew"])


@LIVES
def test_a_holder_renews_and_gives_back_in_each_status(life: Lifecycle) -> None:
    for status in life.statuses(*HELD):
        for act in ("renew", "release", *(("progress",) if life is JOBS else ())):
            assert life.change(act, status) is not None, (act, status)


def test_a_dead_holders_job_is_taken_from_it_in_each_status() -> None:
    for status in JOBS.statuses(*HELD):
        free = [change for change in JOBS.of_act("evict") if status in change.sources and not change.only_if]
        assert len(free) == 1, status
    assert len(JOBS.reached("evict")) == len(JOBS.of_act("evict"))


def test_a_job_that_is_over_stays_as_it_is() -> None:
    assert not [change for change in JOBS.changes if set(change.sources) & set(JOBS.statuses(*OVER))]


def test_a_claim_that_is_to_end_comes_to_one_end() -> None:
    """Unless the user asks for another, or the run is over before."""
    for status in JOBS.statuses("leaving"):
        ways = [change for change in JOBS.changes if status in change.sources and change.who != "user"]
        ends = {change.target for change in ways if change.act not in ("succeed", "fail")} - {None}
        assert len(ends) == 1, (status, ends)


def test_what_the_user_asks_a_holder_for_it_can_do() -> None:
    for status in JOBS.statuses(*HELD):
        asked = JOBS.asked(status)
        assert (asked is not None) == (JOBS.phases[status] == "leaving")
        assert asked is None or JOBS.change(f"finish_{asked}", status) is not None, status


def test_what_is_set_aside_comes_back_by_its_user_alone() -> None:
    for status in JOBS.statuses("aside"):
        ways = [change for change in JOBS.changes if status in change.sources and change.target]
        assert {change.who for change in ways} == {"user"}, status
        (back,) = {change.target for change in JOBS.of_act("resume") if status in change.sources}
        assert back in JOBS.statuses("waiting")


def test_a_job_that_goes_on_later_has_a_new_attempt_and_is_rung_for_if_it_waits() -> None:
    ending = [change for change in JOBS.changes if ends_a_claim(JOBS, change)]
    again = [change for change in ending if change.target in JOBS.statuses("waiting", "aside")]

    acts = [change.act for change in again]
    assert acts == ["finish_pause", "release", "release", "evict", "evict", "restore", "restore"]
    for change in again:
        assert "attempt" in change.values
        if change.target in JOBS.statuses("waiting"):
            assert change.values["rings"] == 0


def test_each_change_that_is_seen_is_told() -> None:
    """A version for each change but a renewal, an event for each status, an outcome for each claim."""
    for change in JOBS.changes:
        assert ("version" in change.values) == (change.act != "renew"), change
        assert (change.event == "status") == (change.target is not None), change
        assert (change.outcome is not None) == ends_a_claim(JOBS, change), change


def test_the_document_shows_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def literals(tree: ast.Module) -> set[str]:
    """Texts in the code, docstrings and what a type says left out."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            skipped |= {id(part) for part in ast.walk(node.slice)}
    texts = (
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {str(node.value) for node in texts if id(node) not in skipped}


def test_no_status_is_named_beside_the_table() -> None:
    statuses = set(JOB_PHASES) | set(REPLAYS.phases) - {"done"}  # "done" is a parameter too
    named = {
        path.name: found
        for path in STORE.glob("*.py")
        if path.name not in DECLARE_STATUSES and (found := literals(ast.parse(path.read_text())) & statuses)
    }

    assert not named


@pytest.mark.parametrize("planted", ['where(jobs.c.status == "queued")', 'values(status="failed")'])
def test_a_planted_status_is_found(planted: str) -> None:
    assert literals(ast.parse(planted)) & set(STATUSES)
