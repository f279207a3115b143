"""Visits every state that can be reached, breadth first, and looks from which of them a way leads to ends."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from lockstep.service.store.statuses import OVER
from tests.model.moves import Move, Moves, State
from tests.model.rows import Row
from tests.model.rules import broken_by, broken_in

NO_WAY = "there is a way to an end"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A rule that was broken, and the shortest way there from the start.

    Jobs and workers are alike: on the way, their numbers may change places.
    """

    rule: str
    way: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search has seen: `acts` counts moves by what they are."""

    states: int
    moves: int
    acts: Mapping[str, int]
    violations: tuple[Violation, ...]


class Search:
    """One search; it stops at the first violation."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._canonical = Canonical(moves)
        self._numbers: dict[State, int] = {}
        self._seen: dict[State, int] = {}
        self._parents: list[tuple[int, str]] = []
        self._acts: Counter[str] = Counter()
        self._fair = array("l")

    def run(self, most_states: int = 10**7) -> Found:
        """Search; raises OverflowError where there are more states than that."""
        start = self._moves.start
        self._numbers[start] = 0
        self._parents.append((-1, ""))
        waiting = [start]
        for state in waiting:
            number = self._numbers[state]
            for move in self._moves.next(state):
                self._acts[move.act] += 1
                if rules := [*broken_by(self._moves, state, move), *self._broken_in(move.after)]:
                    way = (*self._way(number), str(move))
                    return self._found([Violation(rule=rule, way=way) for rule in rules])
                after = self._take(move, number, waiting)
                if move.is_fair:
                    self._fair.extend((number, after))
            if len(waiting) > most_states:
                raise OverflowError(f"more than {most_states} states")
        return self._found(self._stuck(waiting))

    def _broken_in(self, state: State) -> Iterator[str]:
        return iter(()) if state in self._seen else broken_in(self._moves, state)

    def _take(self, move: Move, parent: int, waiting: list[State]) -> int:
        """The number of the state after a move, which waits to be visited where it is new."""
        if move.after in self._seen:
            return self._seen[move.after]
        after = self._canonical.of(move.after)
        number = self._seen[move.after] = self._numbers.setdefault(after, len(waiting))
        if number == len(waiting):
            waiting.append(after)
            self._parents.append((parent, str(move)))
        return number

    def _stuck(self, states: list[State]) -> list[Violation]:
        """A state from which no fair moves lead to where every job is over, or set aside by its user."""
        sources: dict[int, list[int]] = {}
        for place in range(0, len(self._fair), 2):
            sources.setdefault(self._fair[place + 1], []).append(self._fair[place])
        reached = {number for number, state in enumerate(states) if self._is_end(state)}
        waiting = list(reached)
        for number in waiting:
            fresh = [each for each in sources.get(number, ()) if each not in reached]
            reached.update(fresh)
            waiting.extend(dict.fromkeys(fresh))
        stuck = next((number for number in range(len(states)) if number not in reached), None)
        return [] if stuck is None else [Violation(rule=NO_WAY, way=self._way(stuck))]

    def _is_end(self, state: State) -> bool:
        life = self._moves.life
        phases = {life.phases[self._moves.value(row, "status")] for row in state.rows if row is not None}
        return phases <= {*OVER, "aside"} and None not in state.rows

    def _way(self, number: int) -> tuple[str, ...]:
        way: list[str] = []
        while number > 0:
            number, move = self._parents[number]
            way.append(move)
        return tuple(reversed(way))

    def _found(self, violations: list[Violation]) -> Found:
        return Found(
            states=len(self._parents),
            moves=self._acts.total(),
            acts=dict(self._acts),
            violations=tuple(violations),
        )


class Canonical:
    """One state of those that differ in names only.

    Of attempts it decides nothing but which are equal or greater; workers are alike, and so are jobs.
    """

    def __init__(self, moves: Moves) -> None:
        self._attempt, self._worker = (moves.rows.place[name] for name in ("attempt", "worker_id"))
        scenario = moves.scenario
        self._orders = [
            (jobs, workers)
            for jobs in permutations(range(scenario.jobs))
            for workers in permutations(range(scenario.workers))
        ]
        self._keys: dict[Row | None, int] = {}

    def of(self, state: State) -> State:
        """The one of them that counts."""
        counted = self._counted(state)
        if len(self._orders) == 1:
            return counted
        return min((self._renamed(counted, *order) for order in self._orders), key=self._key)

    def _counted(self, state: State) -> State:
        rows, workers = list(state.rows), list(state.workers)
        for job, row in enumerate(state.rows):
            if row is None:
                continue
            tokens = {each.token for each in workers if each is not None and each.job == job}
            names = {token: number for number, token in enumerate(sorted(tokens | {row[self._attempt]}), 1)}
            rows[job] = _put(row, self._attempt, names[row[self._attempt]])
            for worker, holding in enumerate(workers):
                if holding is not None and holding.job == job:
                    workers[worker] = holding._replace(token=names[holding.token])
        return State(tuple(rows), tuple(workers), state.bells)

    def _renamed(self, state: State, jobs: tuple[int, ...], workers: tuple[int, ...]) -> State:
        rows = [state.rows[job] for job in jobs]
        for place, row in enumerate(rows):
            if row is not None and row[self._worker] is not None:
                rows[place] = _put(row, self._worker, workers.index(row[self._worker]))
        holdings = (state.workers[worker] for worker in workers)
        named = (each and each._replace(job=jobs.index(each.job)) for each in holdings)
        return State(tuple(rows), tuple(named), state.bells)

    def _key(self, state: State) -> tuple[object, ...]:
        rows = tuple(self._keys.setdefault(row, len(self._keys)) for row in state.rows)
        return rows, tuple(each or () for each in state.workers)


def _put(row: Row, place: int, value: object) -> Row:
    return (*row[:place], value, *row[place + 1 :])
