"""What the config said at each version of the policy, who made it so, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "versions",
        sa.Column("place", sa.String(500), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String(100), nullable=False),
        sa.Column("why", sa.String(1000), nullable=False),
        sa.Column("source", sa.Text),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("versions")
