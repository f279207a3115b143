"""What is counted: the catalogue, and the counting of what becomes of jobs."""

from sqlalchemy import Connection, bindparam, select

from lockstep.service.store import counters
from lockstep.service.store.counters import Counter, Histogram
from lockstep.service.store.statuses import TERMINAL
from lockstep.service.store.tables import jobs

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
_ENDED = tuple((status,) for status in TERMINAL)

JOBS_SUBMITTED = Counter(name="lockstep_jobs_submitted_total", words="Jobs that were accepted.")
JOBS_ENDED = Counter(
    name="lockstep_jobs_ended_total",
    words="Jobs that are over, by how they ended.",
    labels=("status",),
    known=_ENDED,
)
JOB_WAIT = Histogram(
    name="lockstep_job_wait_seconds",
    words="How long jobs waited, from POST to their first claim.",
    bounds=_LONG,
)
JOB_RUN = Histogram(
    name="lockstep_job_run_seconds",
    words="How long jobs took, from their first claim to their end.",
    labels=("status",),
    known=_ENDED,
    bounds=_LONG,
)
STEPS = Counter(name="lockstep_steps_total", words="Steps done, those that were done again included.")
EVICTIONS = Counter(
    name="lockstep_evictions_total",
    words="Attempts that were taken from a worker, by how it was lost.",
    labels=("reason",),
    known=(("lease_expired",), ("process_died",)),
)
FENCED_WRITES = Counter(
    name="lockstep_fenced_writes_total", words="Writes that were refused because their claim was over."
)
REFUSED_FRAMES = Counter(
    name="lockstep_refused_frames_total",
    words="Frames and strangers that leads of groups refused, by what was wrong.",
    labels=("reason",),
)
GROUP_SECONDS = Counter(
    name="lockstep_group_seconds_total",
    words="What members of groups spent their time on: computing, exchanging, waiting.",
    labels=("spent",),
    known=(("computing",), ("exchanging",), ("waiting",)),
)
CHECKPOINT_SECONDS = Histogram(
    name="lockstep_checkpoint_seconds",
    words="How long the transactions took that stored a checkpoint.",
    bounds=_SHORT,
)
CHECKPOINT_BYTES = Counter(name="lockstep_checkpoint_bytes_total", words="Bytes of checkpoints stored.")
DAMAGED_CHECKPOINTS = Counter(
    name="lockstep_damaged_checkpoints_total",
    words="Checkpoints that were given up because they were damaged.",
)
REQUESTS = Counter(
    name="lockstep_http_requests_total",
    words="Requests answered, by method, route and status.",
    labels=("method", "route", "status"),
)
REQUEST_SECONDS = Histogram(
    name="lockstep_http_request_seconds",
    words="How long requests took to the beginning of their answer.",
    bounds=_SHORT,
)
COUNTED: tuple[Counter, ...] = (
    *(JOBS_SUBMITTED, JOBS_ENDED, JOB_WAIT, JOB_RUN, STEPS, EVICTIONS, FENCED_WRITES, REFUSED_FRAMES),
    *(GROUP_SECONDS, CHECKPOINT_SECONDS, CHECKPOINT_BYTES, DAMAGED_CHECKPOINTS, REQUESTS, REQUEST_SECONDS),
)
"""All of them."""

_TIMES = select(jobs.c.created_at, jobs.c.started_at, jobs.c.claimed_at, jobs.c.finished_at).where(
    jobs.c.id == bindparam("job_id")
)


def job_came_to(tx: Connection, job_id: str, status: str, act: str) -> None:
    """Count that an act has brought a job to a status, in the transaction that did it."""
    if act == "create":
        counters.count(tx, JOBS_SUBMITTED)
    elif act == "claim" or status in TERMINAL:
        created_at, started_at, claimed_at, finished_at = tx.execute(_TIMES, {"job_id": job_id}).one()
        if status in TERMINAL:
            counters.count(tx, JOBS_ENDED, status=status)
            _observe(tx, JOB_RUN, started_at, finished_at, status=status)
        elif claimed_at == started_at:
            _observe(tx, JOB_WAIT, created_at, started_at)


def _observe(
    tx: Connection, histogram: Histogram, since: float | None, until: float | None, **labels: str
) -> None:
    # A damaged row of SQLite may hold anything.
    if isinstance(since, float) and isinstance(until, float):
        counters.observe(tx, histogram, max(until - since, 0.0), **labels)
