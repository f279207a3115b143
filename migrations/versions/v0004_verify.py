"""What a job that verifies another is compared with; null on all other jobs."""

import sqlalchemy as sa
from alembic import op

from lockstep.migrations.losses import refuse_to_lose

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("verifies", ID, nullable=True))
    op.add_column("jobs", sa.Column("expected_sha256", sa.String(64), nullable=True))
    op.add_column("jobs", sa.Column("chaos", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    refuse_to_lose(
        op.get_bind(),
        {
            "jobs that verify others": ("jobs", "verifies IS NOT NULL"),
        },
    )
    for name in ("chaos", "expected_sha256", "verifies"):
        op.drop_column("jobs", name)
