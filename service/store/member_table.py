"""The table of who has worked at a job, and for how long."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Integer,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
)

from lockstep.service.store.columns import Id, metadata


class MemberColumns(TypedColumns):
    """A worker's stay in the group of an attempt. `number` counts them as they came; the lead's is 0.

    `rank` is the last that it had. `joined_step` is the first step that it took part in, `left_step` the
    first that it did not, `left_how` a word of how it went. `shards` is how many it owns. Seconds are sums
    since it joined.
    """

    job_id: Named[str] = Column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Named[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    number: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    rank: Named[int] = Column(Integer)
    worker_id: Named[str] = Column(Id)
    host: Named[str] = Column(Text)
    role: Named[str] = Column(String(16))
    transport: Named[str] = Column(String(16))
    generation: Named[int] = Column(BigInteger)
    joined_step: Named[int] = Column(BigInteger)
    left_step: Named[int | None] = Column(BigInteger)
    left_how: Named[str | None] = Column(String(16))
    shards: Named[int] = Column(Integer)
    compute_seconds: Named[float] = Column(Double)
    exchange_seconds: Named[float] = Column(Double)
    waiting_seconds: Named[float] = Column(Double)


members = Table(
    "members",
    metadata,
    MemberColumns,
    CheckConstraint("(left_step IS NULL) = (left_how IS NULL)", name="left_has_step"),
)
