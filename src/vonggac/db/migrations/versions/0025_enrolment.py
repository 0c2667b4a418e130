"""Codes by which boxes join this hub, and the boxes that a facility had before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0021"


def upgrade() -> None:
    """New tables, empty: no code was issued yet, and each box is the first of its facility."""
    op.create_table(
        "enrolment",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "site_id", sa.Text(), nullable=False, comment="which facility the box will serve"
        ),
        sa.Column(
            "code_hash", sa.Text(), nullable=False,
            comment="SHA-256 of the code's secret; the code itself is kept nowhere",
        ),
        sa.Column(
            "replaces", sa.Boolean(), server_default=sa.false(), nullable=False,
            comment="whether it may take the place of a box that the facility has",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was issued"),
        sa.Column(
            "made_by", sa.Text(), nullable=False, comment="name of the account that issued it"
        ),
        sa.Column(
            "made_name", sa.Text(), server_default="", nullable=False,
            comment="their full name then",
        ),
        sa.Column("ends_ns", sa.BigInteger(), nullable=False, comment="when an unused code ends"),
        sa.Column(
            "revoked_ns", sa.BigInteger(), nullable=True,
            comment="when it was taken back before a box used it",
        ),
        sa.Column(
            "used_ns", sa.BigInteger(), nullable=True, comment="when a box used it first"
        ),
        sa.Column("used_key", sa.Text(), nullable=True, comment="public key of that box"),
        sa.Column(
            "used_address", sa.Text(), server_default="", nullable=False,
            comment="where the box asked from",
        ),
        sa.Column(
            "used_version", sa.Text(), server_default="", nullable=False,
            comment="version of its program",
        ),
        sa.Column(
            "control_user", sa.Text(), nullable=True,
            comment="nkey of the leaf credential for facts and questions",
        ),
        sa.Column(
            "media_user", sa.Text(), nullable=True,
            comment="nkey of the leaf credential for pictures",
        ),
        sa.Column(
            "answer", sa.Text(), nullable=True,
            comment="what the box got, sealed to it: the same again if it asks again",
        ),
        sa.Column(
            "cut_ns", sa.BigInteger(), nullable=True,
            comment="when what the box got was made void",
        ),
        sa.Column("cut_why", sa.Text(), nullable=True, comment="replaced or revoked"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_enrolment_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_code_hash")),
        comment="codes by which boxes join this hub, of one use each; only ever added and ended",
    )  # fmt: skip
    op.create_index(op.f("ix_enrolment_site_id_made_ns"), "enrolment", ["site_id", "made_ns"])
    op.create_table(
        "site_box",
        sa.Column("site_id", sa.Text(), nullable=False, comment="whose"),
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False,
            comment="counts the earlier boxes of this facility from 1",
        ),
        sa.Column(
            "first", sa.Text(), nullable=False, comment="the first public key that it signed with"
        ),
        sa.Column(
            "announcements", sa.JSON(), nullable=False,
            comment="changes of its key, each an envelope in base64, in order",
        ),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False,
            comment="its last life: what lies up to here was signed by it",
        ),
        sa.Column(
            "ended_ns", sa.BigInteger(), nullable=False,
            comment="when it was replaced or its joining was revoked",
        ),
        sa.Column("why", sa.Text(), nullable=False, comment="replaced or revoked"),
        sa.Column(
            "ended_by", sa.Text(), nullable=False, comment="name of the account that said so"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_box_site_id")),
        sa.PrimaryKeyConstraint("site_id", "number", name=op.f("pk_site_box")),
        comment="earlier boxes of a facility; what they signed is verified with their keys for"
        " ever",
    )  # fmt: skip


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("site_box")
    op.drop_table("enrolment")
