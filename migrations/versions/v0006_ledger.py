"""Turns, limits of time, what is kept and for how long, checksums, and what is counted for good."""

import sqlalchemy as sa
from alembic import op

from lockstep.migrations.losses import refuse_to_lose

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
ZERO = sa.text("0")
LIMITED = sa.text("(max_run_seconds IS NOT NULL OR max_queue_seconds IS NOT NULL)")
INDEXES = (
    ("idempotency_keys", "created_at", None),
    ("jobs", "finished_at", sa.text("finished_at IS NOT NULL")),
    ("jobs", "inline_sha256", sa.text("inline_sha256 IS NOT NULL")),
    ("jobs", "start_sha256", sa.text("start_sha256 IS NOT NULL")),
    ("replays", "finished_at", sa.text("finished_at IS NOT NULL")),
    ("replays", "result_sha256", sa.text("result_sha256 IS NOT NULL")),
    ("weights", "sha256", None),
)
"""What is old, and who names a blob: by table and column, and for which rows."""


def upgrade() -> None:
    """Make the tables and add the columns."""
    for column in (
        sa.Column("priority", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("cloned_from", ID, nullable=True),
        sa.Column("start_sha256", sa.String(64), nullable=True),
        sa.Column("keep_last", sa.Integer(), nullable=True),
        sa.Column("max_run_seconds", sa.Double(), nullable=True),
        sa.Column("max_queue_seconds", sa.Double(), nullable=True),
        sa.Column("run_seconds", sa.Double(), server_default=ZERO, nullable=False),
        sa.Column("not_before_at", sa.Double(), nullable=True),
    ):
        op.add_column("jobs", column)
    op.create_index("ix_jobs_turn", "jobs", ["status", "owner_id", "priority", "id"])
    op.create_index("ix_jobs_limited", "jobs", ["status"], sqlite_where=LIMITED, postgresql_where=LIMITED)
    for name in ("regular", "best"):
        op.add_column("checkpoints", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("history", sa.Column("checksum", sa.BigInteger(), nullable=True))
    op.create_table(
        "owners",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("served_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_owners")),
    )
    op.create_table(
        "hosts",
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("lost_jobs_json", sa.Text(), nullable=False),
        sa.Column("rests", sa.Integer(), nullable=False),
        sa.Column("resting_until_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_hosts")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("labels", sa.String(200), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", "slot", name=op.f("pk_counters")),
    )
    for table, name, rows in INDEXES:
        op.create_index(f"ix_{table}_{name}", table, [name], sqlite_where=rows, postgresql_where=rows)


def downgrade() -> None:
    """Drop the tables and take the columns away."""
    refuse_to_lose(
        op.get_bind(),
        {
            "paused jobs": ("jobs", "status IN ('pausing', 'paused')"),
            "priorities of jobs": ("jobs", "priority <> 0"),
            "limits of time of jobs": ("jobs", "coalesce(max_run_seconds, max_queue_seconds) IS NOT NULL"),
            "the jobs that others were cloned from": ("jobs", "cloned_from IS NOT NULL"),
            "weights that jobs start from": ("jobs", "start_sha256 IS NOT NULL AND finished_at IS NULL"),
            "checkpoints that are kept as regular or best": ("checkpoints", "regular OR best"),
            "how many checkpoints jobs keep": ("jobs", "keep_last IS NOT NULL"),
            "counters of /metrics": ("counters", "true"),
        },
    )
    for statement in (
        "UPDATE jobs SET status = 'queued' WHERE status = 'paused'",
        "UPDATE jobs SET status = 'running' WHERE status = 'pausing'",
        """DELETE FROM events WHERE type = 'status' AND data_json LIKE '%"status": "paus%'""",
    ):
        op.execute(statement)
    for table, name, _ in INDEXES:
        op.drop_index(f"ix_{table}_{name}", table)
    for table in ("counters", "hosts", "owners"):
        op.drop_table(table)
    op.drop_column("history", "checksum")
    for name in ("best", "regular"):
        op.drop_column("checkpoints", name)
    for name in ("ix_jobs_limited", "ix_jobs_turn"):
        op.drop_index(name, table_name="jobs")
    for name in (
        "not_before_at",
        "run_seconds",
        "max_queue_seconds",
        "max_run_seconds",
        "keep_last",
        "start_sha256",
        "cloned_from",
        "priority",
    ):
        op.drop_column("jobs", name)
