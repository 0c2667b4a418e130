"""Photographs of surveys may be WebP: what the tables say of their bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0025"

TABLES = ("survey_picture", "register_picture")


def upgrade() -> None:
    """Only the words change; every picture stays as it is."""
    _say("image/png, image/jpeg or image/webp")


def downgrade() -> None:
    """Back to two kinds; a WebP that was kept stays, and is shown as before."""
    _say("image/png or image/jpeg")


def _say(what: str) -> None:
    if op.get_bind().dialect.name == "sqlite":  # which keeps no comments
        return
    for table in TABLES:
        op.alter_column(table, "media_type", comment=what, existing_type=sa.Text())
