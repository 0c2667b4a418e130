"""From when a document replaces a default, and the codes that it puts in place of a list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"


def upgrade() -> None:
    """Two columns; what is tied already counts since the day when it was tied."""
    op.add_column(
        "guide_basis",
        sa.Column(
            "from_day", sa.Date(), nullable=True,
            comment="first day on which it counts; null is the day it was tied",
        ),
    )  # fmt: skip
    op.add_column(
        "guide_basis",
        sa.Column(
            "listed", sa.Text(), server_default="", nullable=False,
            comment="codes in place of the default's list, with commas; empty leaves the list",
        ),
    )  # fmt: skip


def downgrade() -> None:
    """Without both."""
    op.drop_column("guide_basis", "listed")
    op.drop_column("guide_basis", "from_day")
