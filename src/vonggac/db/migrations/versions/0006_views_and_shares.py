"""Views that grants belong to, and cameras shared with another body for hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ADDED = (
    ("viewing_id", "the view that it belongs to"),
    ("session_id", "names the browser's session that asked"),
    ("token_id", "the API token that asked"),
)


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def upgrade() -> None:
    """Grants that stand now belong to no view; they end by themselves within two minutes."""
    with op.batch_alter_table("grant_issued") as batch:
        for name, comment in ADDED:
            batch.add_column(sa.Column(name, sa.Text, nullable=True, comment=comment))
    op.create_table(
        "viewing",
        sa.Column("id", sa.Text, primary_key=True, comment="id of its first grant"),
        sa.Column(
            "account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose"
        ),
        _text("site_id", "where"),
        sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
        _text("role", "code of the role by which it was allowed; shared for a share", default=""),
        _text("body_id", "the unit on whose behalf", null=True),
        _text("purpose", "why, as the person stated it"),
        _text("display_id", "the screen that it is shown on; null for a person", null=True),
        _moment("began_ns", "when its first grant was given"),
        _moment("until_ns", "end of its newest grant"),
        _moment("ended_ns", "when it was seen to be over; null while it lasts", null=True),
        _text("why", "closed, or why the right went away; empty while it lasts", default=""),
        comment="a person had pictures of a site open: grants that renew each other are one view",
    )
    op.create_index("ix_viewing_site_id_began_ns", "viewing", ["site_id", "began_ns"])
    op.create_table(
        "camera_share",
        sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="of whom"),
        sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
        sa.Column(
            "body_id",
            sa.Text,
            sa.ForeignKey("unit.id"),
            nullable=False,
            comment="with which body; those see them who hold a role on its behalf",
        ),
        _moment("from_ns", "shared from here"),
        _moment("to_ns", "until here; it always ends"),
        _text("reason", "why, with the document if there is one"),
        _text("given_by", "name of the account that shared"),
        _moment("given_ns", "when it was shared"),
        _text("ended_by", "name of who withdrew it before its time", null=True),
        _text("ended_reason", "why it was withdrawn", null=True),
        _moment("ended_ns", "when it was withdrawn", null=True),
        sa.CheckConstraint("to_ns >= from_ns", name=op.f("ck_camera_share_ends_after_start")),
        comment="named cameras that another body may see live for hours; ended, never changed",
    )
    op.create_index("ix_camera_share_body_id_to_ns", "camera_share", ["body_id", "to_ns"])
    op.create_index("ix_camera_share_site_id_to_ns", "camera_share", ["site_id", "to_ns"])


def downgrade() -> None:
    """Views and shares are gone."""
    op.drop_table("camera_share")
    op.drop_table("viewing")
    with op.batch_alter_table("grant_issued") as batch:
        for name, _ in reversed(ADDED):
            batch.drop_column(name)
