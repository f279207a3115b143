"""The store beside the model: does each of its moves for real, and holds the rows against the model's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update

from lockstep.service.store import checkpoints, claims, evictions, leases
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database, now
from lockstep.service.store.errors import Fenced, Refused
from lockstep.service.store.leases import JobClaim
from lockstep.service.store.tables import jobs
from tests.model.moves import Move, Moves, State
from tests.model.rows import GHOSTS, TICK_SECONDS
from tests.service.store.test_transitions import TRIALS
from tests.stored_jobs import queue_job

PIDS = count(1)
NOBODY = WorkerIdentity(worker_id="worker_of_nobody", pid=0, host="here", fingerprint="f")


@dataclass
class RealStore:
    """A database, the ids of the model's jobs in it, and the claims that its workers believe to hold."""

    database: Database
    moves: Moves
    ids: list[str] = field(default_factory=list)
    held: dict[int, JobClaim] = field(default_factory=dict)

    def do(self, move: Move) -> None:
        """Do what the model does."""
        if move.act in OTHERWISE:
            OTHERWISE[move.act](self, move)
        elif move.who == "holder":
            self._by_holder(move)
        else:
            with self.database.write() as tx:
                TRIALS[move.act].work(tx, self._any_claim(move.job or 0))
        if move.worker is not None and move.after.workers[move.worker] is None:
            self.held.pop(move.worker, None)

    def takes(self, worker: int) -> int | None:
        """What a worker gets that asks for a job."""
        pid = next(PIDS)
        # A host of its own: one on which jobs die again and again would rest.
        identity = WorkerIdentity(worker_id=f"worker_{worker}", pid=pid, host=f"host_{pid}", fingerprint="f")
        with self.database.write() as tx:
            claim = leases.claim_next(tx, identity, TICK_SECONDS)
        if claim is None:
            return None
        self.held[worker] = claim
        return self.ids.index(claim.job_id)

    def is_refused(self, worker: int, act: str) -> type[Exception] | None:
        """How an act of the holder fails; None: it has been done."""
        try:
            with self.database.write() as tx:
                TRIALS[act].work(tx, self.held[worker])
        except (Fenced, Refused) as error:
            return type(error)
        return None

    def rows(self) -> list[Mapping[str, Any]]:
        """What the model knows of the rows, by column."""
        known = self.moves.rows.known
        columns = [name for name in self.moves.rows.columns if name not in GHOSTS]
        with self.database.read() as tx:
            found = {row["id"]: row for row in tx.execute(select(jobs)).mappings()}
            clock = now(tx)
        told: list[Mapping[str, Any]] = []
        for job_id in self.ids:
            values = dict(found[job_id])
            if values["worker_id"] is not None:
                values["worker_id"] = int(values["worker_id"].removeprefix("worker_"))
            times = {name for name in columns if self.moves.rows.is_time(name) and values[name] is not None}
            told.append(
                {
                    name: known(name, values[name] - clock if name in times else values[name])
                    for name in columns
                }
            )
        return told

    def expected(self, state: State) -> list[Mapping[str, Any]]:
        """The same of the model's rows."""
        rows = [row for row in state.rows if row is not None]
        named = (zip(self.moves.rows.columns, row, strict=True) for row in rows)
        return [{name: value for name, value in row if name not in GHOSTS} for row in named]

    def _any_claim(self, job: int) -> JobClaim:
        return JobClaim(
            job_id=self.ids[job], attempt=0, worker=NOBODY, lease_seconds=TICK_SECONDS,
            spec_sha256="", workers_wanted=1, steps=1, checkpoint_step=None,
        )  # fmt: skip

    def _by_holder(self, move: Move) -> None:
        assert move.worker is not None
        assert self.is_refused(move.worker, move.act) is None, f"{move} was refused"

    def _create(self, _: Move) -> None:
        job_id = queue_job(self.database).id
        self.ids.append(job_id)
        if self.moves.scenario.row:
            with self.database.write() as tx:
                tx.execute(update(jobs).where(jobs.c.id == job_id).values(**self.moves.scenario.row))

    def _evict(self, move: Move) -> None:
        """As the reconciler does where the lease is over, else as the parent of a dead process does."""
        assert move.job is not None
        of_job = select(jobs.c.worker_id, jobs.c.worker_pid).where(jobs.c.id == self.ids[move.job])
        with self.database.write() as tx:
            expired = select(jobs.c.id).where(jobs.c.lease_expires_at < now(tx))
            if list(tx.execute(expired).scalars()) == [self.ids[move.job]]:
                evicted = evictions.evict_expired(tx)
            else:
                worker_id, pid = tx.execute(of_job).one()
                evicted = evictions.evict_process(tx, str(worker_id), pid)
        assert evicted == [self.ids[move.job]]

    def _checkpoint(self, move: Move) -> None:
        assert move.worker is not None
        holding = move.after.workers[move.worker]
        assert holding is not None
        with self.database.write() as tx:
            checkpoints.save(claims.lock(tx, self.held[move.worker]), holding.step, b"the state")

    def _fenced(self, move: Move) -> None:
        """Whatever it tries, it is fenced."""
        assert move.worker is not None
        for act in self.moves.acts_of("holder"):
            assert self.is_refused(move.worker, act) is Fenced, act
        with pytest.raises(Fenced), self.database.write() as tx:
            checkpoints.save(claims.lock(tx, self.held[move.worker]), 99, b"of a zombie")

    def _tick(self, _: Move) -> None:
        earlier = {column.name: column - TICK_SECONDS for column in jobs.c if column.name.endswith("_at")}
        with self.database.write() as tx:
            tx.execute(update(jobs).values(earlier))

    def _nothing(self, _: Move) -> None:
        """It happens in the worker's mind alone."""


OTHERWISE: Mapping[str, Callable[[RealStore, Move], None]] = {
    "create": RealStore._create,
    "evict": RealStore._evict,
    "checkpoint": RealStore._checkpoint,
    "fenced": RealStore._fenced,
    "tick": RealStore._tick,
    **dict.fromkeys(("crash", "freeze", "thaw", "step"), RealStore._nothing),
}
"""What no trial of the table's acts does."""
