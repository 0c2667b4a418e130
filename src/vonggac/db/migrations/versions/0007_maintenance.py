"""Maintenance that a person plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def _text(name: str, comment: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def upgrade() -> None:
    """Nothing is planned."""
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where"),
        sa.Column(
            "camera_id", sa.Text, sa.ForeignKey("camera.id"), nullable=False, comment="which camera"
        ),
        _moment("from_ns", "away from here"),
        _moment("to_ns", "until here"),
        _text("reason", "why, in words; stands in the ledger"),
        _text("planned_by", "name of the account that planned it"),
        _moment("planned_ns", "when it was planned"),
        _text("withdrawn_by", "name of who withdrew it", null=True),
        _moment("withdrawn_ns", "when; what had passed by then stays planned", null=True),
        sa.CheckConstraint("to_ns > from_ns", name=op.f("ck_maintenance_has_length")),
        comment="time in which a camera is expected to be away; withdrawn, never deleted",
    )
    op.create_index("ix_maintenance_site_id_to_ns", "maintenance", ["site_id", "to_ns"])


def downgrade() -> None:
    """What was planned is forgotten."""
    op.drop_table("maintenance")
