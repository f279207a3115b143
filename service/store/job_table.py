"""The table of jobs, and that of their metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
    text,
)

from lockstep.service.store.columns import (
    FINISHED,
    INLINE_IS_A_BLOB,
    LEASED,
    LIMITED,
    START_IS_A_BLOB,
    Id,
    metadata,
)


class JobColumns(TypedColumns):
    """A job. `step` counts the steps done; `checkpoint_step` is the latest checkpoint's.

    `spec_json` lacks `data.inline` and `model.initial_weights`: these are in `inline_json`, a line each, or,
    when large, in the blob `inline_sha256`.
    `evictions` counts those since the latest checkpoint that was later than the one before.
    `fingerprint` and `arithmetic` say by which bits it was begun, from the first claim on: see
    core/ground/arithmetic.py. A job that verifies another has them from POST on, for only a worker of these
    can compare; `verifies` is that one's id, which may be gone by now, `expected_sha256` the digest of its
    weights, `chaos` whether members come and go at random.
    `workers_most` took part at once. `seats`: the members that its lead would have now, itself included; null
    where it does not say. `seat_gain`: what one more is worth (worker/advice.py).
    `run_seconds`: under the claims that are over; `max_run_seconds` and `max_queue_seconds` are the spec's.
    `not_before_at`: a job that was lost again without a later checkpoint is not claimed before that.
    `start_sha256` names the blob of the weights that it begins with, where those are another job's.
    `keep_last`: how many of its latest checkpoints stay as long as the job, where its spec says so.
    `cloned_from` is the id of the job that it was made of, which may be gone by now.
    """

    id: Named[str] = Column(Id, primary_key=True)
    owner_id: Named[str] = Column(Id)
    kind: Named[str] = Column(String(32))
    name: Named[str | None] = Column(Text)
    priority: Named[int] = Column(Integer, server_default=text("0"))
    metadata_json: Named[str] = Column(Text)
    status: Named[str] = Column(String(16))
    status_reason: Named[str | None] = Column(String(64))
    status_message: Named[str | None] = Column(Text)
    version: Named[int] = Column(BigInteger)
    spec_json: Named[str] = Column(Text)
    inline_json: Named[str | None] = Column(Text)
    inline_sha256: Named[str | None] = Column(String(64))
    spec_sha256: Named[str] = Column(String(64))
    workers_wanted: Named[int] = Column(Integer)
    workers_active: Named[int] = Column(Integer)
    workers_most: Named[int] = Column(Integer, server_default=text("0"))
    workers_advised: Named[int | None] = Column(Integer)
    seats: Named[int | None] = Column(Integer)
    seat_gain: Named[float | None] = Column(Double)
    step: Named[int] = Column(BigInteger)
    steps: Named[int] = Column(BigInteger)
    epoch: Named[int] = Column(BigInteger)
    steps_per_second: Named[float | None] = Column(Double)
    result_json: Named[str | None] = Column(Text)
    error_code: Named[str | None] = Column(String(64))
    error_message: Named[str | None] = Column(Text)
    error_param: Named[str | None] = Column(Text)
    attempt: Named[int] = Column(BigInteger)
    evictions: Named[int] = Column(Integer)
    checkpoint_step: Named[int | None] = Column(BigInteger)
    fingerprint: Named[str | None] = Column(String(64))
    arithmetic: Named[int | None] = Column(Integer)
    verifies: Named[str | None] = Column(Id)
    expected_sha256: Named[str | None] = Column(String(64))
    chaos: Named[bool | None] = Column(Boolean)
    cloned_from: Named[str | None] = Column(Id)
    start_sha256: Named[str | None] = Column(String(64))
    keep_last: Named[int | None] = Column(Integer)
    max_run_seconds: Named[float | None] = Column(Double)
    max_queue_seconds: Named[float | None] = Column(Double)
    run_seconds: Named[float] = Column(Double, server_default=text("0"))
    not_before_at: Named[float | None] = Column(Double)
    worker_id: Named[str | None] = Column(Id)
    worker_pid: Named[int | None] = Column(BigInteger)
    lease_expires_at: Named[float | None] = Column(Double)
    ring_due_at: Named[float] = Column(Double)
    rings: Named[int] = Column(Integer)
    created_at: Named[float] = Column(Double)
    updated_at: Named[float] = Column(Double)
    claimed_at: Named[float | None] = Column(Double)
    started_at: Named[float | None] = Column(Double)
    first_step_at: Named[float | None] = Column(Double)
    finished_at: Named[float | None] = Column(Double)


jobs = Table(
    "jobs",
    metadata,
    JobColumns,
    CheckConstraint("attempt >= 1 AND version >= 1", name="counted_from_one"),
    CheckConstraint("(worker_id IS NULL) = (lease_expires_at IS NULL)", name="holder_has_lease"),
    CheckConstraint("finished_at IS NULL OR worker_id IS NULL", name="finished_has_no_holder"),
    CheckConstraint("status <> 'queued' OR worker_id IS NULL", name="queued_has_no_holder"),
    CheckConstraint("(error_code IS NOT NULL) = (status = 'failed')", name="failed_has_error"),
    CheckConstraint("(result_json IS NOT NULL) = (status = 'succeeded')", name="succeeded_has_result"),
)
Index("ix_jobs_owner_id_id", jobs.c.owner_id, jobs.c.id)
Index("ix_jobs_status_id", jobs.c.status, jobs.c.id)
Index("ix_jobs_turn", jobs.c.status, jobs.c.owner_id, jobs.c.priority, jobs.c.id)
Index("ix_jobs_limited", jobs.c.status, sqlite_where=LIMITED, postgresql_where=LIMITED)
Index("ix_jobs_leased", jobs.c.lease_expires_at, sqlite_where=LEASED, postgresql_where=LEASED)
Index("ix_jobs_finished_at", jobs.c.finished_at, sqlite_where=FINISHED, postgresql_where=FINISHED)
Index(
    "ix_jobs_inline_sha256",
    jobs.c.inline_sha256,
    sqlite_where=INLINE_IS_A_BLOB,
    postgresql_where=INLINE_IS_A_BLOB,
)
Index(
    "ix_jobs_start_sha256",
    jobs.c.start_sha256,
    sqlite_where=START_IS_A_BLOB,
    postgresql_where=START_IS_A_BLOB,
)


class JobMetadataColumns(TypedColumns):
    """A job's metadata once more, for looking jobs up by it."""

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    key: Named[str] = Column(String(64), primary_key=True)
    value: Named[str] = Column(String(512))


job_metadata = Table("job_metadata", metadata, JobMetadataColumns)
Index("ix_job_metadata_key_value", job_metadata.c.key, job_metadata.c.value, job_metadata.c.job_id)
