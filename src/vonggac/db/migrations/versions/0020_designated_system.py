"""The designated system, and the connections to it that enterprises confirm."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """New tables, empty: no system is designated yet."""
    op.create_table(
        "designated_system",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("name", sa.Text(), nullable=False, comment="what the system is called"),
        sa.Column("operator", sa.Text(), nullable=False, comment="who runs it"),
        sa.Column(
            "document", sa.Text(), nullable=False,
            comment="number, day and issuer of what designates it",
        ),
        sa.Column("from_day", sa.Date(), nullable=False, comment="first day on which it counts"),
        sa.Column("said_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "said_by", sa.Text(), nullable=False, comment="name of the account that entered it"
        ),
        sa.Column(
            "said_name", sa.Text(), server_default="", nullable=False,
            comment="their full name then",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_designated_system")),
        comment="the system that cameras are ordered to be connected to, by day; only ever added",
    )  # fmt: skip
    op.create_index(
        op.f("ix_designated_system_from_day_said_ns"), "designated_system", ["from_day", "said_ns"]
    )
    op.create_table(
        "designated_link",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="which facility"),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column(
            "system_id", sa.Text(), nullable=False,
            comment="the system that was designated on the day",
        ),
        sa.Column(
            "linked", sa.Boolean(), nullable=False,
            comment="whether it is connected there; false says that it no longer is",
        ),
        sa.Column(
            "enterprise", sa.Text(), nullable=False, comment="which enterprise confirms it"
        ),
        sa.Column(
            "ident", sa.Text(), server_default="", nullable=False,
            comment="what the camera is called there",
        ),
        sa.Column(
            "method", sa.Text(), server_default="", nullable=False, comment="how it is connected"
        ),
        sa.Column(
            "linked_day", sa.Date(), nullable=False, comment="day of the connection, or its end"
        ),
        sa.Column("said_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "said_by", sa.Text(), nullable=False, comment="name of the account that entered it"
        ),
        sa.Column(
            "said_name", sa.Text(), server_default="", nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_designated_link_site_id")),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name=op.f("fk_designated_link_camera_id")
        ),
        sa.ForeignKeyConstraint(
            ["system_id"], ["designated_system.id"], name=op.f("fk_designated_link_system_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_designated_link")),
        comment="connections that an enterprise confirms, the last of a camera counts; "
        "only ever added",
    )  # fmt: skip
    op.create_index(
        op.f("ix_designated_link_camera_id_said_ns"), "designated_link", ["camera_id", "said_ns"]
    )
    op.create_index(op.f("ix_designated_link_site_id"), "designated_link", ["site_id"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("designated_link")
    op.drop_table("designated_system")
