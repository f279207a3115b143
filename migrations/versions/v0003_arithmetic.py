"""The number of the arithmetic by which a job was begun.

Null where nobody has claimed it, and on jobs of the versions that kept no number.
"""

import sqlalchemy as sa
from alembic import op

from lockstep.migrations.losses import refuse_to_lose

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("arithmetic", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    refuse_to_lose(
        op.get_bind(),
        {
            "the arithmetic of jobs in mid-run": ("jobs", "arithmetic IS NOT NULL AND finished_at IS NULL"),
        },
    )
    op.drop_column("jobs", "arithmetic")
