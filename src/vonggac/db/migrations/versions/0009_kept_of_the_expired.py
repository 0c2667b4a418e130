"""Recordings that a case keeps are older than retention and not expired."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """What is held now is found again with the next deletion."""
    comment = "but those that a case keeps: [[from, to]] in ns"
    op.add_column("expiry", sa.Column("kept", sa.JSON, nullable=True, comment=comment))


def downgrade() -> None:
    """They count as expired again."""
    with op.batch_alter_table("expiry") as batch:
        batch.drop_column("kept")
