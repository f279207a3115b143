"""The store does what the model does: after each move of random walks its rows are the model's.

So what the search finds of the model is true of the store, and a fault of a statement is found here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import delete

from lockstep.service.store.database import Database
from lockstep.service.store.errors import Refused
from lockstep.service.store.statuses import OVER
from lockstep.service.store.tables import jobs
from lockstep.service.store.transitions import JOBS
from tests.model.moves import COMPARING, OUTDATED, PLAIN, TWO_JOBS, Move, Moves, State
from tests.model.store import OTHERWISE, RealStore
from tests.service.store.test_transitions import TRIALS

SCENARIOS = {
    "one job": replace(PLAIN, rings=False),
    "older rules": OUTDATED,
    "comparing": COMPARING,
    "two jobs": replace(TWO_JOBS, last_step=1),
}
ALL_MOVES = 300
MOST_MOVES = 60
SELDOM = {
    **dict.fromkeys(("tick", "leave_uncompared", "freeze"), 0.3),
    **dict.fromkeys(("succeed", "fail", "finish_cancel", "cancel", "crash", "restore"), 0.1),
}
"""How likely a move is beside the others: else every walk would end soon."""


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Database]:
    """A migrated SQLite database."""
    database = Database(sqlite_url)
    yield database
    database.dispose()


def forget(database: Database) -> None:
    """Begin with no job."""
    with database.write() as tx:
        tx.execute(delete(jobs))


def chosen(moves: list[Move], chance: random.Random) -> Move:
    """One of them, an act after the other at random."""
    acts = sorted({move.act for move in moves})
    (act,) = chance.choices(acts, [SELDOM.get(each, 1.0) for each in acts])
    return chance.choice([move for move in moves if move.act == act])


def as_taken(real: RealStore, state: State, move: Move) -> Move:
    """The claim of the job that the store gave: which of several that is, the model leaves open."""
    assert move.worker is not None
    taken = real.takes(move.worker)
    same = [
        each
        for each in real.moves.next(state)
        if (each.act, each.job, each.worker, each.lost) == ("claim", taken, move.worker, move.lost)
    ]
    assert same, f"the store gave job {taken}"
    return same[0]


def check_refusals(real: RealStore, state: State) -> None:
    """What the model has no move for, the store refuses."""
    for worker, holding in enumerate(state.workers):
        if holding is None and not any(each.act == "claim" for each in real.moves.next(state)):
            assert real.takes(worker) is None
        if holding is None or not real.moves.is_holder(state, holding, holding.job):
            continue
        row = state.rows[holding.job]
        assert row is not None
        for act in real.moves.acts_of("holder"):
            if JOBS.change(act, real.moves.value(row, "status")) is None:
                assert real.is_refused(worker, act) is Refused


def walk(real: RealStore, chance: random.Random, done: Counter[str]) -> None:
    """One walk, from no job on; when every job is over, it ends."""
    state = real.moves.start
    for _ in range(MOST_MOVES):
        if all(
            row is not None and JOBS.phases[real.moves.value(row, "status")] in OVER for row in state.rows
        ):
            return
        possible = list(real.moves.next(state))
        move = chosen(possible, chance)
        if move.act == "claim":
            move = as_taken(real, state, move)
            if move.lost:
                del real.held[move.worker or 0]
        else:
            real.do(move)
        done[move.act] += 1
        state = move.after
        assert real.rows() == real.expected(state), f"after {move}"
        check_refusals(real, state)
        assert real.rows() == real.expected(state), f"after what was refused, {move}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_store_goes_the_ways_of_the_model(store: Database, name: str) -> None:
    done: Counter[str] = Counter()
    for seed in count():
        forget(store)
        walk(RealStore(store, Moves(JOBS, SCENARIOS[name])), random.Random(seed), done)
        if done.total() > ALL_MOVES:
            break

    assert {"claim", "evict", "fenced", "release", "checkpoint", "tick"} <= set(done), done


def test_every_act_of_the_table_can_be_done_for_real() -> None:
    done = set(TRIALS) | set(OTHERWISE) | {"claim"}

    assert {change.act for change in JOBS.changes} - done == set()
