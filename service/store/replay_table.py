"""The table of what is asked about the steps of jobs."""

from sqlalchemy import (
    BigInteger,
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
)

from lockstep.service.store.columns import ANSWERED, FINISHED, UNFINISHED, Id, metadata


class ReplayColumns(TypedColumns):
    """Something asked about a step of a job, that a worker finds out by computing up to that step again.

    `status`: queued, running, done, failed. `tries` is the fencing token of who works on it. `result_sha256`
    names the blob of what was found.
    """

    id: Named[str] = Column(Id, primary_key=True)
    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"))
    question: Named[str] = Column(String(16))
    step: Named[int] = Column(BigInteger)
    sample: Named[int] = Column(BigInteger)
    status: Named[str] = Column(String(16))
    tries: Named[int] = Column(Integer)
    worker_id: Named[str | None] = Column(Id)
    lease_expires_at: Named[float | None] = Column(Double)
    result_sha256: Named[str | None] = Column(String(64))
    error_message: Named[str | None] = Column(Text)
    requested_at: Named[float] = Column(Double)
    finished_at: Named[float | None] = Column(Double)


replays = Table(
    "replays",
    metadata,
    ReplayColumns,
    CheckConstraint("(lease_expires_at IS NOT NULL) = (status = 'running')", name="running_has_lease"),
    CheckConstraint("(result_sha256 IS NOT NULL) = (status = 'done')", name="done_has_result"),
    CheckConstraint("(error_message IS NOT NULL) = (status = 'failed')", name="failed_has_error"),
)
Index(
    "uq_replays_job_id_question_step_sample",
    replays.c.job_id,
    replays.c.question,
    replays.c.step,
    replays.c.sample,
    unique=True,
)
Index("ix_replays_finished_at", replays.c.finished_at, sqlite_where=FINISHED, postgresql_where=FINISHED)
Index("ix_replays_result_sha256", replays.c.result_sha256, sqlite_where=ANSWERED, postgresql_where=ANSWERED)
Index("ix_replays_unfinished", replays.c.id, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
