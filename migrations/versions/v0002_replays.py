"""What is asked about the steps of jobs."""

import sqlalchemy as sa
from alembic import op

from lockstep.migrations.losses import refuse_to_lose

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
UNFINISHED = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "replays",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("question", sa.String(length=16), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("sample", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("worker_id", ID, nullable=True),
        sa.Column("lease_expires_at", sa.Double(), nullable=True),
        sa.Column("result_sha256", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "(lease_expires_at IS NOT NULL) = (status = 'running')", name=op.f("ck_replays_running_has_lease")
        ),
        sa.CheckConstraint(
            "(result_sha256 IS NOT NULL) = (status = 'done')", name=op.f("ck_replays_done_has_result")
        ),
        sa.CheckConstraint(
            "(error_message IS NOT NULL) = (status = 'failed')", name=op.f("ck_replays_failed_has_error")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_replays_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_index(
        "uq_replays_job_id_question_step_sample",
        "replays",
        ["job_id", "question", "step", "sample"],
        unique=True,
    )
    op.create_index(
        "ix_replays_unfinished", "replays", ["id"], sqlite_where=UNFINISHED, postgresql_where=UNFINISHED
    )


def downgrade() -> None:
    """Drop it, with all that was found out."""
    refuse_to_lose(
        op.get_bind(),
        {
            "answers of replays": ("replays", "true"),
        },
    )
    op.drop_table("replays")
