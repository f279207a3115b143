"""The tables, the same on SQLite and PostgreSQL. migrations/ builds them; a test keeps the two equal.

Times are seconds since the epoch by the database's clock. Ids compare byte by byte (collation "C"), so that
their order is that of their making. JSON is text: it carries NaN and infinities, and no query looks inside.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Named,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypedColumns,
    false,
)

from lockstep.service.store.columns import Id, Serial
from lockstep.service.store.columns import metadata as metadata
from lockstep.service.store.counter_table import counters as counters
from lockstep.service.store.job_table import job_metadata as job_metadata
from lockstep.service.store.job_table import jobs as jobs
from lockstep.service.store.member_table import members as members
from lockstep.service.store.replay_table import replays as replays
from lockstep.service.store.turn_tables import hosts as hosts
from lockstep.service.store.turn_tables import owners as owners


class IdempotencyKeyColumns(TypedColumns):
    """Which job an Idempotency-Key made. No foreign key: it is reserved before its job is there."""

    owner_id: Named[str] = Column(Id, primary_key=True)
    key: Named[str] = Column(String(255), primary_key=True)
    body_sha256: Named[str] = Column(String(64))
    job_id: Named[str] = Column(Id)
    created_at: Named[float] = Column(Double)


idempotency_keys = Table("idempotency_keys", metadata, IdempotencyKeyColumns)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)


class AttemptColumns(TypedColumns):
    """One try at a job. `outcome`: succeeded, failed, cancelled, evicted, released; null while it lasts.

    Where the lead listens for helpers, and the group's secret, which is erased when the attempt ends.
    """

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Named[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    worker_id: Named[str] = Column(Id)
    pid: Named[int] = Column(BigInteger)
    host: Named[str] = Column(Text)
    fingerprint: Named[str] = Column(String(64))
    started_at: Named[float] = Column(Double)
    ended_at: Named[float | None] = Column(Double)
    outcome: Named[str | None] = Column(String(16))
    lead_host: Named[str | None] = Column(Text)
    lead_port: Named[int | None] = Column(Integer)
    secret: Named[bytes | None] = Column(LargeBinary)


attempts = Table(
    "attempts",
    metadata,
    AttemptColumns,
    CheckConstraint("ended_at IS NULL OR secret IS NULL", name="secret_erased"),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
)


class HistoryColumns(TypedColumns):
    """A chunk of one series. All chunks of a series but the last are full.

    Steps are first_step, first_step + stride, ... or, where stride is 0, little-endian int64 in `steps`.
    `points` holds little-endian float32 or float64 (`dtype`), bit for bit as they came. `checksum` is
    a CRC-32 of all the others; versions before kept none.
    """

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"))
    series: Named[str] = Column(String(200))
    first_step: Named[int] = Column(BigInteger)
    last_step: Named[int] = Column(BigInteger)
    size: Named[int] = Column(Integer)
    stride: Named[int] = Column(BigInteger)
    steps: Named[bytes | None] = Column(LargeBinary)
    dtype: Named[str] = Column(String(8))
    points: Named[bytes] = Column(LargeBinary)
    checksum: Named[int | None] = Column(BigInteger)


history = Table("history", metadata, HistoryColumns, PrimaryKeyConstraint("job_id", "series", "first_step"))


class CheckpointColumns(TypedColumns):
    """A checkpoint; its bytes are in checkpoint_parts.

    `regular`: the job's spec asks for one at this step. `best`: none of the job had a lower validation loss.
    """

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Named[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt: Named[int] = Column(BigInteger)
    sha256: Named[str] = Column(String(64))
    size_bytes: Named[int] = Column(BigInteger)
    regular: Named[bool] = Column(Boolean, server_default=false())
    best: Named[bool] = Column(Boolean, server_default=false())
    created_at: Named[float] = Column(Double)


checkpoints = Table("checkpoints", metadata, CheckpointColumns)


class CheckpointPartColumns(TypedColumns):
    """At most 8 MiB of a checkpoint."""

    job_id: Named[str] = Column(Id)
    step: Named[int] = Column(BigInteger)
    part: Named[int] = Column(Integer)
    data: Named[bytes] = Column(LargeBinary)


checkpoint_parts = Table(
    "checkpoint_parts",
    metadata,
    CheckpointPartColumns,
    PrimaryKeyConstraint("job_id", "step", "part"),
    ForeignKeyConstraint(["job_id", "step"], ["checkpoints.job_id", "checkpoints.step"], ondelete="CASCADE"),
)


class BlobPartColumns(TypedColumns):
    """At most 8 MiB of a blob, which is named by the SHA-256 of the whole."""

    sha256: Named[str] = Column(String(64), primary_key=True)
    part: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    data: Named[bytes] = Column(LargeBinary)


blob_parts = Table("blob_parts", metadata, BlobPartColumns)


class WeightsColumns(TypedColumns):
    """What a job learned: the blob of a safetensors file, and the preprocessing of its inputs."""

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    sha256: Named[str] = Column(String(64))
    size_bytes: Named[int] = Column(BigInteger)
    preprocessing_json: Named[str] = Column(Text)


weights = Table("weights", metadata, WeightsColumns)
Index("ix_weights_sha256", weights.c.sha256)


class EventColumns(TypedColumns):
    """Something that happened to a job. Those of type "status" are its transitions."""

    id: Named[int] = Column(Serial, primary_key=True)
    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"))
    at: Named[float] = Column(Double)
    level: Named[str] = Column(String(8))
    type: Named[str] = Column(String(64))
    message: Named[str] = Column(Text)
    data_json: Named[str] = Column(Text)


events = Table("events", metadata, EventColumns, sqlite_autoincrement=True)
Index("ix_events_job_id_id", events.c.job_id, events.c.id)


class WorkerColumns(TypedColumns):
    """What a worker last said of itself: information, never a ground for safety."""

    id: Named[str] = Column(Id, primary_key=True)
    host: Named[str] = Column(Text)
    pid: Named[int] = Column(BigInteger)
    state: Named[str] = Column(String(16))
    job_id: Named[str | None] = Column(Id)
    fingerprint: Named[str | None] = Column(String(64))
    started_at: Named[float] = Column(Double)
    heartbeat_at: Named[float] = Column(Double)


workers = Table("workers", metadata, WorkerColumns)


class ApiKeyColumns(TypedColumns):
    """A key of the API: only its SHA-256 is kept. `scopes`: words separated by spaces."""

    id: Named[str] = Column(Id, primary_key=True)
    owner_id: Named[str] = Column(Id)
    name: Named[str] = Column(Text)
    sha256: Named[str] = Column(String(64))
    scopes: Named[str] = Column(String(64))
    created_at: Named[float] = Column(Double)
    revoked_at: Named[float | None] = Column(Double)


api_keys = Table("api_keys", metadata, ApiKeyColumns)
Index("uq_api_keys_sha256", api_keys.c.sha256, unique=True)
