"""What a job must fulfil beside its status before a change of it is made; transitions.py has the changes."""

from sqlalchemy import ColumnElement, case, func

from lockstep.core.ground.arithmetic import ARITHMETIC, FIRST_ARITHMETIC
from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import Columns, Condition

MAX_EVICTIONS = 3
"""So many in a row without a later checkpoint end the job: it may be what kills its workers."""
AGAIN_LOST_SECONDS = (0.0, 2.0, 8.0)
"""How long a job waits after its first, second, … eviction without a later checkpoint."""


def begun_by(columns: Columns) -> ColumnElement[int]:
    """The number under which a job that was claimed was begun; versions before the numbers kept none."""
    return func.coalesce(columns.arithmetic, FIRST_ARITHMETIC)


def seconds_of_claim(columns: Columns) -> ColumnElement[float]:
    """How long a job that is held has been worked at by this claim; past its lease nobody did."""
    until = case((columns.lease_expires_at < clock(), columns.lease_expires_at), else_=clock())
    return case((until > columns.claimed_at, until - columns.claimed_at), else_=0.0)


OUTDATED = Condition(
    words="an older arithmetic began it",
    on=lambda job: job.fingerprint.is_not(None) & (begun_by(job) < ARITHMETIC),
)
BEGINS_AGAIN = Condition(
    words="an older arithmetic began it and it verifies no other",
    on=lambda job: OUTDATED.on(job) & job.verifies.is_(None),
)
VERIFIES = Condition(words="it verifies another", on=lambda job: job.verifies.is_not(None))
LOST_TOO_OFTEN = Condition(
    words=f"{MAX_EVICTIONS} evictions since a later checkpoint",
    on=lambda job: job.evictions + 1 >= MAX_EVICTIONS,
)
WAITED_TOO_LONG = Condition(
    words="no worker has begun it within its max_queue_seconds",
    on=lambda job: job.started_at.is_(None) & (job.created_at + job.max_queue_seconds <= clock()),
)
TOOK_TOO_LONG = Condition(
    words="workers have worked at it for its max_run_seconds",
    on=lambda job: job.run_seconds >= job.max_run_seconds,
)
TAKES_TOO_LONG = Condition(
    words="workers have worked at it for its max_run_seconds, this claim included",
    on=lambda job: job.run_seconds + seconds_of_claim(job) >= job.max_run_seconds,
)
