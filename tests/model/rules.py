"""What must hold of each state and of each move, whatever the table says.

The numbers are those of the campaign's invariants, as far as states show them: I2 what is over stays, I3
attempts grow, I4 and I5 one holder writes, I8 checkpoints go forward, I9 a job that kills workers ends, I11 a
cancel is final.
"""

from collections.abc import Callable, Iterator, Mapping

from lockstep.service.store.job_conditions import MAX_EVICTIONS
from lockstep.service.store.statuses import HELD, OVER
from tests.model.moves import Move, Moves, State
from tests.model.rows import Row

StateRule = Callable[[Moves, State, int, Row], bool]
MoveRule = Callable[[Moves, Move, Row, Row], bool]


def broken_in(moves: Moves, state: State) -> Iterator[str]:
    """The names of the rules that a state breaks."""
    for job, row in enumerate(state.rows):
        if row is not None:
            yield from (name for name, holds in OF_STATES.items() if not holds(moves, state, job, row))


def broken_by(moves: Moves, state: State, move: Move) -> Iterator[str]:
    """The names of the rules that a move from a state breaks."""
    for before, after in zip(state.rows, move.after.rows, strict=True):
        if before is not None and after is not None and before != after:
            yield from (name for name, holds in OF_MOVES.items() if not holds(moves, move, before, after))


def _one_holder(moves: Moves, state: State, job: int, _: Row) -> bool:
    return sum(moves.is_holder(state, each, job) for each in state.workers) <= 1


def _held_as_told(moves: Moves, _state: State, _job: int, row: Row) -> bool:
    """A claim has a worker and a lease; a row without one has neither."""
    has = {moves.value(row, column) is not None for column in ("worker_id", "lease_expires_at")}
    return has == {moves.is_held(row)}


def _ended_as_told(moves: Moves, _state: State, _job: int, row: Row) -> bool:
    """What is over says when and as what; nothing else does."""
    phase = moves.life.phases[moves.value(row, "status")]
    told = [moves.value(row, column) is not None for column in ("finished_at", "result_json", "error_code")]
    is_failed = moves.value(row, "status") in moves.life.reached("fail")
    return told == [phase in OVER, phase == "done", is_failed]


def _cancelled_is_final(moves: Moves, _state: State, _job: int, row: Row) -> bool:
    return not moves.value(row, "cancelled") or moves.value(row, "status") in moves.life.reached("cancel")


def _lost_seldom(moves: Moves, move: Move, before: Row, after: Row) -> bool:
    """At work it is lost so often at most; a pause that its user has asked for comes first."""
    was, now = (moves.life.phases[moves.value(row, "status")] for row in (before, after))
    is_loss = move.act == "evict" and was == "working"
    return not is_loss or (now in OVER) == (moves.value(after, "lost") >= MAX_EVICTIONS)


def _over_stays(moves: Moves, move: Move, before: Row, after: Row) -> bool:
    if moves.life.phases[moves.value(before, "status")] not in OVER:
        return True
    changed = {moves.rows.columns[place] for place, old in enumerate(before) if after[place] != old}
    return move.act == "tick" and all(map(moves.rows.is_time, changed))


def _attempt_grows(moves: Moves, _: Move, before: Row, after: Row) -> bool:
    """It never goes back, and it goes on where a claim ends and the job is not over."""
    grown = moves.value(after, "attempt") - moves.value(before, "attempt")
    phase = moves.life.phases[moves.value(after, "status")]
    ends_a_claim = moves.is_held(before) and phase not in (*HELD, *OVER)
    return bool(grown >= ends_a_claim)


def _leaving_goes_on(moves: Moves, move: Move, before: Row, after: Row) -> bool:
    """Only its user takes back what its user has asked for: no crash does."""
    was, now = (moves.life.phases[moves.value(row, "status")] for row in (before, after))
    return was != "leaving" or move.who == "user" or now not in ("waiting", "working")


def _set_aside_stays(moves: Moves, move: Move, before: Row, after: Row) -> bool:
    phases: Mapping[str, str] = moves.life.phases
    was, now = (phases[moves.value(row, "status")] for row in (before, after))
    return was != "aside" or move.who == "user" or now in ("aside", *OVER)


def _checkpoint_goes_forward(moves: Moves, move: Move, before: Row, after: Row) -> bool:
    was, now = moves.value(before, "checkpoint_step"), moves.value(after, "checkpoint_step")
    return move.act == "begin_again" or was is None or (now is not None and now >= was)


OF_STATES: Mapping[str, StateRule] = {
    "one holder": _one_holder,
    "a claim has a worker and a lease": _held_as_told,
    "an end is told": _ended_as_told,
    "a cancel is final": _cancelled_is_final,
}
OF_MOVES: Mapping[str, MoveRule] = {
    "a job that kills workers ends": _lost_seldom,
    "what is over stays": _over_stays,
    "attempts grow": _attempt_grows,
    "what is to end goes on": _leaving_goes_on,
    "what is set aside stays": _set_aside_stays,
    "checkpoints go forward": _checkpoint_goes_forward,
}
