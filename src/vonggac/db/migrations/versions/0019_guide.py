"""Defaults that a document replaces, guides and cards that were sent, questions, training."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0014"


def upgrade() -> None:
    """New tables, empty: no guide is attached yet."""
    op.create_table(
        "guide_basis",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("code", sa.Text(), nullable=False, comment="of the default, in the rules"),
        sa.Column(
            "document",
            sa.Text(),
            nullable=False,
            comment="number, day and issuer of the document that replaces it",
        ),
        sa.Column(
            "directive_id",
            sa.Text(),
            nullable=True,
            comment="the document in the register, where its text lies; null is not there",
        ),
        sa.Column(
            "page", sa.Text(), server_default="", nullable=False, comment="page of the document"
        ),
        sa.Column(
            "point",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="point, item or table of the document",
        ),
        sa.Column(
            "value",
            sa.BigInteger(),
            nullable=True,
            comment="the number in place of the default; null only says where it stands",
        ),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what the document says, in its words",
        ),
        sa.Column("tied_ns", sa.BigInteger(), nullable=False, comment="when it was tied"),
        sa.Column(
            "tied_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "tied_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "ended_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when another one, or the default, took its place",
        ),
        sa.Column(
            "ended_by", sa.Text(), server_default="", nullable=False, comment="name of the account"
        ),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_guide_basis_directive_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guide_basis")),
        comment="defaults of the software that a document replaces; only ever added and ended",
    )
    op.create_index(op.f("ix_guide_basis_code"), "guide_basis", ["code"], unique=False)
    op.create_table(
        "guide_sent",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="which facility"),
        sa.Column("what", sa.Text(), nullable=False, comment="guide, or the role whose card it is"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes that were sent, hex"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the PDF that was sent"),
        sa.Column("sent_ns", sa.BigInteger(), nullable=False, comment="when it was sent"),
        sa.Column(
            "sent_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "sent_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "received_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when somebody of the facility said that it is there",
        ),
        sa.Column(
            "received_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "received_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_guide_sent_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guide_sent")),
        comment="guides and cards that were sent to a facility, with receipt",
    )
    op.create_index(
        op.f("ix_guide_sent_site_id_sent_ns"), "guide_sent", ["site_id", "sent_ns"], unique=False
    )
    op.create_table(
        "guide_question",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="which facility"),
        sa.Column("asked", sa.Text(), nullable=False, comment="the question"),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False, comment="when it was asked"),
        sa.Column(
            "asked_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "asked_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "answer",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the answer; empty before",
        ),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True, comment="when it was answered"),
        sa.Column(
            "answered_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "answered_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_guide_question_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guide_question")),
        comment="questions of facilities on the guide, with answers",
    )
    op.create_index(
        op.f("ix_guide_question_site_id_asked_ns"),
        "guide_question",
        ["site_id", "asked_ns"],
        unique=False,
    )
    op.create_table(
        "training",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="whose facilities learned; null is all of them",
        ),
        sa.Column("title", sa.Text(), nullable=False, comment="what was taught"),
        sa.Column(
            "for_whom",
            sa.Text(),
            nullable=False,
            comment="for whom: bodies, facilities, duties; no names",
        ),
        sa.Column("held_day", sa.Date(), nullable=False, comment="the day"),
        sa.Column("people", sa.Integer(), nullable=False, comment="how many took part"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account; empty before",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint("people > 0", name=op.f("ck_training_people")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_training_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training")),
        comment="training on the guide: when, for whom, how many",
    )
    op.create_index(op.f("ix_training_held_day"), "training", ["held_day"], unique=False)


def downgrade() -> None:
    """What was kept in them is gone."""
    op.drop_table("training")
    op.drop_table("guide_question")
    op.drop_table("guide_sent")
    op.drop_table("guide_basis")
