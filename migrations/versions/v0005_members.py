"""Who has worked at a job, how many at once, and what the lead has found out about more.

`workers_most` of jobs of the versions before is taken from their events.
"""

import json

import sqlalchemy as sa
from alembic import op

from lockstep.migrations.losses import refuse_to_lose

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and add the columns."""
    op.create_table(
        "members",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("worker_id", ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("transport", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("joined_step", sa.BigInteger(), nullable=False),
        sa.Column("left_step", sa.BigInteger(), nullable=True),
        sa.Column("left_how", sa.String(length=16), nullable=True),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("compute_seconds", sa.Double(), nullable=False),
        sa.Column("exchange_seconds", sa.Double(), nullable=False),
        sa.Column("waiting_seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("(left_step IS NULL) = (left_how IS NULL)", name=op.f("ck_members_left_has_step")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_members_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "attempt", "number", name=op.f("pk_members")),
    )
    op.add_column(
        "jobs", sa.Column("workers_most", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("jobs", sa.Column("workers_advised", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("seats", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("seat_gain", sa.Double(), nullable=True))
    _count(op.get_bind())


def downgrade() -> None:
    """Drop the table and take the columns away."""
    refuse_to_lose(
        op.get_bind(),
        {
            "members of jobs": ("members", "true"),
        },
    )
    for column in ("seat_gain", "seats", "workers_advised", "workers_most"):
        op.drop_column("jobs", column)
    op.drop_table("members")


def _count(tx: sa.Connection) -> None:
    """How many workers took part at once in the jobs that are there."""
    tx.execute(sa.text("UPDATE jobs SET workers_most = 1 WHERE started_at IS NOT NULL"))
    joined = sa.text("SELECT job_id, data_json FROM events WHERE type = 'member_joined'")
    most: dict[str, int] = {}
    for job_id, data_json in tx.execute(joined):
        most[job_id] = max(most.get(job_id, 1), _world_size(data_json))
    if most:
        counted = sa.text("UPDATE jobs SET workers_most = :most WHERE id = :job_id")
        tx.execute(counted, [{"job_id": job_id, "most": size} for job_id, size in most.items()])


def _world_size(data_json: str) -> int:
    """The size that an event tells of; 1 where it can't be read."""
    try:
        size = json.loads(data_json).get("world_size")
    except (ValueError, AttributeError):
        return 1
    return size if isinstance(size, int) else 1
