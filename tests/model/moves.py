"""All that can happen next: what users, workers, the reconciler and the clock do, and what goes wrong.

A worker that is frozen knows nothing of what passes; once it goes on, it writes with the attempt that it had.
So does one whose last write was done while its answer got lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.store.lifecycle import Lifecycle, Who
from lockstep.service.store.rings import RING_AGAIN_SECONDS
from lockstep.service.store.statuses import HELD
from tests.model.rows import TICK_SECONDS, Row, Rows

MOST_BELLS = 2
OF_LIMITS = frozenset({"created_at", "started_at", "claimed_at", "run_seconds"})
"""What only limits of a job's time look at."""
TO_ALL = ("restore",)
"""What is done to every job that it can be done to: here, after the database was restored from a copy."""
WHO: tuple[Who, ...] = get_args(Who)
GIVEN: Mapping[str, Any] = {
    "lease_seconds": TICK_SECONDS,
    "fingerprint": "f",
    "reason": "given",
    "message": "given",
    "param": "given",
    "result": "given",
}


class Holding(NamedTuple):
    """What a worker believes to hold: `token` is its attempt, `step` how far it is."""

    job: int
    token: int
    step: int
    frozen: bool = False


class State(NamedTuple):
    """Jobs (None: not posted yet), workers (None: idle), and how many rings wait in the broker."""

    rows: tuple[Row | None, ...]
    workers: tuple[Holding | None, ...]
    bells: int


@dataclass(frozen=True)
class Move:
    """Something that happens: an act of the table, or what the model has beside it.

    `is_fair`: it must come sooner or later, unless something else does. `worker` is who does it or suffers
    it, `job` whose row is meant. `lost`: its answer does not arrive.
    """

    act: str
    after: State
    job: int | None = None
    worker: int | None = None
    who: Who | Literal["fault", "clock"] = "service"
    is_fair: bool = True
    lost: bool = False

    def __str__(self) -> str:
        where = "" if self.job is None else f" job {self.job}"
        return f"{self.act}{where}" + ("" if self.worker is None else f" worker {self.worker}")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """How many there are of what; `row`: columns of each new job, whose clocks count with limits alone."""

    jobs: int = 1
    workers: int = 2
    last_step: int = 1
    rings: bool = True
    row: Mapping[str, Any] = field(default_factory=dict)
    ignored: frozenset[str] = OF_LIMITS


PLAIN = Scenario()
OUTDATED = Scenario(row={"fingerprint": "f", "arithmetic": ARITHMETIC - 1}, rings=False)
TWO_JOBS = Scenario(jobs=2, last_step=0, rings=False)
TWO_JOBS_OF_ONE = replace(TWO_JOBS, workers=1)
COMPARING = Scenario(row={"verifies": "job_0", "fingerprint": "f", "arithmetic": ARITHMETIC}, rings=False)

LIMITED = Scenario(
    row={"max_queue_seconds": 1.5 * TICK_SECONDS, "max_run_seconds": 1.5 * TICK_SECONDS, "run_seconds": 0.0},
    ignored=frozenset(),
    last_step=0,
    rings=False,
)


@dataclass(frozen=True)
class Moves:
    """The moves of a lifecycle in a scenario."""

    life: Lifecycle
    scenario: Scenario

    @cached_property
    def rows(self) -> Rows:
        """What changes make of rows."""
        return Rows(self.life, self.scenario.ignored)

    @property
    def start(self) -> State:
        """Nothing has been posted; the workers are idle."""
        return State((None,) * self.scenario.jobs, (None,) * self.scenario.workers, 0)

    @cached_property
    def _acts(self) -> Mapping[str, tuple[str, ...]]:
        old = [each for each in self.life.changes if each.sources]
        return {who: tuple(dict.fromkeys(each.act for each in old if each.who == who)) for who in WHO}

    def acts_of(self, who: Who) -> tuple[str, ...]:
        """The acts of the table that these do to a row that is there."""
        return self._acts[who]

    def value(self, row: Row, column: str) -> Any:
        """A column of a row."""
        return row[self.rows.place[column]]

    def is_held(self, row: Row) -> bool:
        """Whether somebody has a claim on it."""
        return self.life.phases[self.value(row, "status")] in HELD

    def is_holder(self, state: State, holding: Holding | None, job: int) -> bool:
        """Whether the fence would let this one's write to the job pass."""
        row = state.rows[job]
        if holding is None or row is None or holding.job != job:
            return False
        return self.is_held(row) and holding.token == self.value(row, "attempt")

    def next(self, state: State) -> Iterator[Move]:
        """Whatever can happen in a state."""
        if None in state.rows:
            yield self._create(state, state.rows.index(None))
        for job, row in enumerate(state.rows):
            if row is not None:
                yield from self._of_row(state, job, row)
        for worker, holding in enumerate(state.workers):
            if holding is None:
                yield from self._claims(state, worker)
            elif holding.frozen:
                yield Move(
                    "thaw",
                    self._with(state, worker, holding._replace(frozen=False)),
                    worker=worker,
                    who="fault",
                )
            else:
                yield from self._of_holder(state, worker, holding)
            if holding is not None:
                yield Move(
                    "crash", self._with(state, worker, None), worker=worker, who="fault", is_fair=False
                )
        yield from self._of_bells(state)
        for act in TO_ALL:
            yield from self._of_all(state, act)
        later = tuple(row and self.rows.later(row) for row in state.rows)
        yield Move("tick", state._replace(rows=later), who="clock")

    def _create(self, state: State, job: int) -> Move:
        row = self.rows.new(GIVEN, **self.scenario.row)
        after = self._rung(self._put(state, job, row))
        return Move("create", after, job=job, who="user")

    def _of_row(self, state: State, job: int, row: Row) -> Iterator[Move]:
        """What users and the reconciler do to a job."""
        for act in self.acts_of("user"):
            change = self.life.change(act, self.value(row, "status"))
            if change is not None:
                made = self.rows.changed(row, change, GIVEN)
                if act == "cancel":
                    made = self.rows.put(made, cancelled=True)
                yield Move(act, self._put(state, job, made), job=job, who="user", is_fair=False)
        for act in self.acts_of("service"):
            change = self.rows.change_of(act, row, GIVEN)
            if change is None or act in TO_ALL or (act == "evict" and not self._is_lost(state, job, row)):
                continue
            made = self.rows.changed(row, change, GIVEN)
            if act == "evict":
                made = self.rows.put(made, lost=self.rows.known("lost", self.value(row, "lost") + 1))
            if act == "begin_again":
                made = self.rows.put(made, lost=0)
            yield Move(act, self._put(state, job, made), job=job)

    def _of_all(self, state: State, act: str) -> Iterator[Move]:
        """Somebody does to every job at once what no crash needs to be repaired."""
        rows = list(state.rows)
        for job, row in enumerate(rows):
            change = None if row is None else self.rows.change_of(act, row, GIVEN)
            if row is not None and change is not None:
                rows[job] = self.rows.changed(row, change, GIVEN)
        if tuple(rows) != state.rows:
            yield Move(act, state._replace(rows=tuple(rows)), is_fair=False)

    def _is_lost(self, state: State, job: int, row: Row) -> bool:
        """The lease has run out, or its holder's process has died, which its parent sees."""
        is_over = (self.value(row, "lease_expires_at") or 0.0) < 0.0
        return is_over or not any(self.is_holder(state, each, job) for each in state.workers)

    def _claims(self, state: State, worker: int) -> Iterator[Move]:
        """An idle worker that hears a ring takes a job, or loses itself right after that."""
        if self.scenario.rings and not state.bells:
            return
        heard = state._replace(bells=max(state.bells - 1, 0))
        given = {**GIVEN, "worker": worker}
        taken = False
        for job, row in enumerate(state.rows):
            change = None if row is None else self.rows.change_of("claim", row, given)
            if row is None or change is None or (self.value(row, "not_before_at") or 0.0) > 0.0:
                continue
            taken = True
            after = self._put(heard, job, self.rows.changed(row, change, given))
            holding = Holding(job, self.value(row, "attempt"), self.value(row, "checkpoint_step") or 0)
            told = self._with(after, worker, holding)
            yield Move("claim", told, job=job, worker=worker, who="worker")
            yield Move("claim", after, job=job, worker=worker, who="worker", is_fair=False, lost=True)
        if self.scenario.rings and not taken:
            yield Move("hear", heard, worker=worker, who="worker")

    def _of_holder(self, state: State, worker: int, holding: Holding) -> Iterator[Move]:
        """What one does that believes to hold a claim; the fence tells it if not."""
        frozen = self._with(state, worker, holding._replace(frozen=True))
        yield Move("freeze", frozen, worker=worker, who="fault", is_fair=False)
        job, row = holding.job, state.rows[holding.job]
        if row is None:
            return
        yield from self._renewal(state, worker, holding, row)
        if not self.is_holder(state, holding, job):
            fenced = self._with(state, worker, None)
            yield Move("fenced", fenced, job=job, worker=worker, who="holder")
            return
        if holding.step < self.scenario.last_step:
            further = self._with(state, worker, holding._replace(step=holding.step + 1))
            yield Move("step", further, job=job, worker=worker, who="holder")
        yield from self._checkpoint(state, worker, holding, row)
        for act in self.acts_of("holder"):
            change = self.life.change(act, self.value(row, "status"))
            if change is None or act == "renew":
                continue
            given = {**GIVEN, "done": holding.step}
            after = self._put(state, job, self.rows.changed(row, change, given))
            ends = change.outcome is not None
            left = self._with(after, worker, None) if ends else after
            yield Move(act, left, job=job, worker=worker, who="holder")
            if ends:
                yield Move(act, after, job=job, worker=worker, who="holder", is_fair=False, lost=True)

    def _renewal(self, state: State, worker: int, holding: Holding, row: Row) -> Iterator[Move]:
        """What claims.renew does: it locks nothing first, and asks for the attempt and the status alone."""
        change = self.life.change("renew", self.value(row, "status"))
        if change is not None and holding.token == self.value(row, "attempt"):
            after = self._put(state, holding.job, self.rows.changed(row, change, GIVEN))
            yield Move("renew", after, job=holding.job, worker=worker, who="holder")

    def _checkpoint(self, state: State, worker: int, holding: Holding, row: Row) -> Iterator[Move]:
        """What checkpoints.save does to the job's row: only a later one is kept."""
        saved = self.value(row, "checkpoint_step")
        if saved is not None and holding.step <= saved:
            return
        lease = self.rows.known("lease_expires_at", TICK_SECONDS)
        kept = {"checkpoint_step": holding.step, "evictions": 0, "lease_expires_at": lease, "lost": 0}
        after = self._put(state, holding.job, self.rows.put(row, **kept))
        yield Move("checkpoint", after, job=holding.job, worker=worker, who="holder")

    def _of_bells(self, state: State) -> Iterator[Move]:
        """The reconciler rings for what waits and is due; the broker loses and doubles rings."""
        if not self.scenario.rings:
            return
        if state.bells:
            fewer = state._replace(bells=state.bells - 1)
            yield Move("lose_ring", fewer, who="fault", is_fair=False)
            yield Move("double_ring", self._rung(state), who="fault", is_fair=False)
        for job, row in enumerate(state.rows):
            if row is None or self.life.phases[self.value(row, "status")] != "waiting":
                continue
            if self.value(row, "ring_due_at") < 0.0:
                again = self.rows.known("ring_due_at", RING_AGAIN_SECONDS)
                after = self._put(state, job, self.rows.put(row, ring_due_at=again))
                yield Move("ring", self._rung(after), job=job)

    def _rung(self, state: State) -> State:
        return state._replace(bells=min(state.bells + 1, MOST_BELLS)) if self.scenario.rings else state

    def _put(self, state: State, job: int, row: Row) -> State:
        return state._replace(rows=(*state.rows[:job], row, *state.rows[job + 1 :]))

    def _with(self, state: State, worker: int, holding: Holding | None) -> State:
        return state._replace(workers=(*state.workers[:worker], holding, *state.workers[worker + 1 :]))
