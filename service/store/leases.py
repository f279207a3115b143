"""Claims on jobs: which one a worker takes, and what its attempt begins with."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from sqlalchemy import Connection, insert

from lockstep.service.store import events, points
from lockstep.service.store.claims import Claim, Claimable, Fence, WorkerIdentity
from lockstep.service.store.damage import damaged
from lockstep.service.store.database import clock
from lockstep.service.store.fingerprints import mark_unavailable
from lockstep.service.store.new_job import Verification
from lockstep.service.store.records import no_count
from lockstep.service.store.tables import attempts
from lockstep.service.store.transitions import JOBS
from lockstep.service.store.turn_over import is_turn_over
from lockstep.service.store.turns import next_job, serve

CLAIMABLE = Claimable(
    life=JOBS,
    fenced_by="attempt",
    next_row=next_job,
    tells=(
        *("id", "attempt", "spec_sha256", "workers_wanted", "steps", "checkpoint_step"),
        *("keep_last", "verifies", "expected_sha256", "chaos"),
    ),
    thing="job",
    turn="attempt",
)
_BEGIN_ATTEMPT = insert(attempts).values(started_at=clock())


@dataclass(frozen=True, kw_only=True)
class JobClaim(Claim):
    """The right to work on `attempt` of a job. `checkpoint_step`: that of the latest checkpoint, if any.

    `keep_last`: how many of the latest checkpoints stay, where its spec says so. After `turn_seconds` (0:
    never) it is given back where others wait and no worker is free: turn_over.py.
    `verification` says what the weights are to be compared with, where the job trains another again.

    The spec is read afterwards: nothing that one job's row may hold can keep others from being claimed.
    """

    on: ClassVar[Claimable] = CLAIMABLE

    job_id: str
    attempt: int
    spec_sha256: str
    workers_wanted: int
    steps: int
    checkpoint_step: int | None
    keep_last: int | None = None
    turn_seconds: float = 0.0
    verification: Verification | None = None

    @property
    def row_id(self) -> str:
        """See Claim."""
        return self.job_id

    @property
    def token(self) -> int:
        """See Claim."""
        return self.attempt

    def is_turn_over(self, tx: Connection) -> bool:
        """See Claim."""
        return is_turn_over(tx, self.worker, self.job_id, self.turn_seconds)

    def require_counts(self) -> None:
        """Raise Damaged where what SQLite holds in the row is no whole number: claimed it is all the same."""
        for name in ("attempt", "workers_wanted", "steps"):
            count = getattr(self, name)
            if not isinstance(count, int):
                raise damaged("counts", self.job_id, no_count(name, count))


JobFence: TypeAlias = Fence[JobClaim]


def claim_next(
    tx: Connection, worker: WorkerIdentity, lease_seconds: float, turn_seconds: float = 0.0
) -> JobClaim | None:
    """Take the next job whose fingerprint is the worker's or not yet set; None where there is none.

    Which is next, turns.py says. A worker on a host that rests takes none. Jobs that no present worker may
    take get the reason numerics_unavailable then, and go on waiting.
    """
    row = tx.execute(
        CLAIMABLE.claiming[tx.dialect.name],
        {
            "worker": worker.worker_id,
            "pid": worker.pid,
            "host": worker.host,
            "fingerprint": worker.fingerprint,
            "lease_seconds": lease_seconds,
        },
    ).one_or_none()
    if row is None:
        mark_unavailable(tx, worker.parts)
        return None
    points.TAKEN.reach()
    tx.execute(
        _BEGIN_ATTEMPT,
        {
            "job_id": row.id,
            "number": row.attempt,
            "worker_id": worker.worker_id,
            "pid": worker.pid,
            "host": worker.host,
            "fingerprint": worker.fingerprint,
        },
    )
    (made,) = JOBS.of_act("claim")
    events.note(tx, row.id, made, {}, {"numerics": dict(worker.parts)} if worker.parts else {})
    serve(tx, row.id)
    return JobClaim(
        job_id=row.id,
        attempt=row.attempt,
        worker=worker,
        lease_seconds=lease_seconds,
        turn_seconds=turn_seconds,
        spec_sha256=row.spec_sha256,
        workers_wanted=row.workers_wanted,
        steps=row.steps,
        checkpoint_step=row.checkpoint_step,
        keep_last=row.keep_last,
        verification=None
        if row.verifies is None
        else Verification(
            verifies=row.verifies,
            expected_sha256=row.expected_sha256,
            fingerprint=worker.fingerprint,
            chaos=row.chaos,
        ),
    )
