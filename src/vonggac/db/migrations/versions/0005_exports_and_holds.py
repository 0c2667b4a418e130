"""Exports of recordings, and spans under a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add both."""
    op.create_table(
        "export",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("cameras", sa.JSON(), nullable=False, comment="ids of the cameras, in order"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="first moment asked for"),
        sa.Column("to_ns", sa.BigInteger(), nullable=False, comment="end of what is asked for"),
        sa.Column("number", sa.Text(), nullable=False, comment="number of the written request"),
        sa.Column("dated", sa.Text(), nullable=False, comment="its date, 2026-11-18"),
        sa.Column("body", sa.Text(), nullable=False, comment="the body that asks"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, as the request says"),
        sa.Column("basis", sa.Text(), nullable=False, comment="the legal basis that it names"),
        sa.Column(
            "with_copy",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="also a copy with name and time burned in",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="asked, approved, refused, building, ready, failed or expired",
        ),
        sa.Column("asked_by", sa.Text(), nullable=False, comment="who made it"),
        sa.Column("asked_name", sa.Text(), nullable=False, comment="their account's name then"),
        sa.Column(
            "asked_full_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "asked_unit",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the unit on whose behalf",
        ),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "decided_by",
            sa.Text(),
            nullable=True,
            comment="who approved or refused it; never the one who asked",
        ),
        sa.Column(
            "decided_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their account's name then",
        ),
        sa.Column(
            "decided_full_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "decided_unit",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the unit on whose behalf",
        ),
        sa.Column("decided_ns", sa.BigInteger(), nullable=True, comment="when"),
        sa.Column(
            "decided_note", sa.Text(), server_default="", nullable=False, comment="what they said"
        ),
        sa.Column(
            "step",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what is being done while it is built",
        ),
        sa.Column(
            "done_bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of the clips",
        ),
        sa.Column(
            "total_bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of the clips",
        ),
        sa.Column(
            "fault",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why it failed, in a sentence",
        ),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="bytes of the ZIP"),
        sa.Column("sha256", sa.Text(), nullable=True, comment="of the ZIP, hex"),
        sa.Column("ready_ns", sa.BigInteger(), nullable=True, comment="when it was ready"),
        sa.Column(
            "expires_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when the file goes; the record stays",
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'approved', 'refused', 'building', 'ready', 'failed', 'expired')",
            name=op.f("ck_export_state"),
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_export_two_persons")
        ),
        sa.CheckConstraint("to_ns > from_ns", name=op.f("ck_export_has_length")),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_export_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_export_decided_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_export_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        comment="recordings that left the system, and on whose word",
    )
    op.create_index(op.f("ix_export_state"), "export", ["state"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column("camera", sa.Text(), nullable=False, comment="its name on the wire"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="kept from here"),
        sa.Column("to_ns", sa.BigInteger(), nullable=False, comment="until here"),
        sa.Column("case_number", sa.Text(), nullable=False, comment="the case that needs it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, in words"),
        sa.Column("placed_by", sa.Text(), nullable=False, comment="by whom"),
        sa.Column("placed_name", sa.Text(), nullable=False, comment="their account's name then"),
        sa.Column("placed_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "released_by",
            sa.Text(),
            nullable=True,
            comment="who let it go; never the one who placed it",
        ),
        sa.Column(
            "released_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their account's name then",
        ),
        sa.Column("released_ns", sa.BigInteger(), nullable=True, comment="when"),
        sa.Column(
            "released_reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why it is not needed any more",
        ),
        sa.CheckConstraint(
            "released_by IS NULL OR released_by <> placed_by", name=op.f("ck_hold_two_persons")
        ),
        sa.CheckConstraint("to_ns > from_ns", name=op.f("ck_hold_has_length")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_hold_camera_id")),
        sa.ForeignKeyConstraint(["placed_by"], ["account.id"], name=op.f("fk_hold_placed_by")),
        sa.ForeignKeyConstraint(["released_by"], ["account.id"], name=op.f("fk_hold_released_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_hold_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        comment="spans under a case: no rule of retention deletes them while this stands",
    )
    op.create_index(
        op.f("ix_hold_site_id_released_ns"), "hold", ["site_id", "released_ns"], unique=False
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_index(op.f("ix_hold_site_id_released_ns"), table_name="hold")
    op.drop_table("hold")
    op.drop_index(op.f("ix_export_state"), table_name="export")
    op.drop_table("export")
