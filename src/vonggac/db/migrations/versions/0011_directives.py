"""Directives that came, what they order of whom, what came back; templates of letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0013"


def upgrade() -> None:
    """Seven tables, empty."""
    op.create_table(
        "letter_template",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was called where it came from"
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the .docx"),
        sa.Column("uploaded_ns", sa.BigInteger(), nullable=False, comment="when it came into use"),
        sa.Column(
            "uploaded_by", sa.Text(), nullable=False, comment="name of the account that sent it"
        ),
        sa.Column(
            "uploaded_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "ended_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when another one, or the shipped one, took its place",
        ),
        sa.Column(
            "ended_by", sa.Text(), server_default="", nullable=False, comment="name of the account"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_template")),
        comment="templates of letters in place of the shipped one",
    )
    op.create_index(
        op.f("ix_letter_template_uploaded_ns"), "letter_template", ["uploaded_ns"], unique=False
    )
    op.create_table(
        "directive",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="of the shipped ones, in the rules; null for those that came",
        ),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="whose register it stands in; null is everybody's",
        ),
        sa.Column(
            "number",
            sa.Text(),
            nullable=False,
            comment="number and symbol as they stand on the paper",
        ),
        sa.Column(
            "number_key",
            sa.Text(),
            nullable=False,
            comment="the number as it is matched: CĐ, CV, CD are one, and Đ, D, P are one",
        ),
        sa.Column(
            "dated", sa.Date(), nullable=True, comment="the day on the paper; null cannot be read"
        ),
        sa.Column("issuer", sa.Text(), nullable=False, comment="who issued it"),
        sa.Column("subject", sa.Text(), nullable=False, comment="what it is about"),
        sa.Column(
            "urgency",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="KHẨN, THƯỢNG KHẨN, HỎA TỐC, or empty",
        ),
        sa.Column(
            "folded",
            sa.Text(),
            nullable=False,
            comment="number, issuer and subject without marks, for the search",
        ),
        sa.Column("registered_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "registered_by",
            sa.Text(),
            nullable=False,
            comment="name of the account that entered it; empty for the shipped ones",
        ),
        sa.Column(
            "registered_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_directive_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive")),
        sa.UniqueConstraint("code", name=op.f("uq_directive_code")),
        comment="directives that came: documents that order something",
    )
    op.create_index(op.f("ix_directive_number_key"), "directive", ["number_key"], unique=False)
    op.create_table(
        "directive_citation",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("directive_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("place", sa.Integer(), nullable=False, comment="order on the paper, from 0"),
        sa.Column("said", sa.Text(), nullable=False, comment="the number as the directive has it"),
        sa.Column(
            "number", sa.Text(), nullable=False, comment="the number as the cited document has it"
        ),
        sa.Column("number_key", sa.Text(), nullable=False, comment="as in directive"),
        sa.Column(
            "dated",
            sa.Date(),
            nullable=True,
            comment="the day that is cited; null is none, or cannot be read",
        ),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False, comment="who issued it"),
        sa.Column(
            "subject", sa.Text(), server_default="", nullable=False, comment="what it is about"
        ),
        sa.Column(
            "due_said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the deadline in its words",
        ),
        sa.Column("due", sa.Date(), nullable=True, comment="the last day of it"),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_directive_citation_directive_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_citation")),
        comment="documents that a directive cites, with the deadlines that it inherits",
    )
    op.create_index(
        op.f("ix_directive_citation_directive_id_place"),
        "directive_citation",
        ["directive_id", "place"],
        unique=False,
    )
    op.create_index(
        op.f("ix_directive_citation_number_key"), "directive_citation", ["number_key"], unique=False
    )
    op.create_table(
        "directive_file",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("directive_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("kind", sa.Text(), nullable=False, comment="scan or attachment"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was called where it came from"
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="what the bytes are"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the bytes"),
        sa.Column("attached_ns", sa.BigInteger(), nullable=False, comment="when it was attached"),
        sa.Column(
            "attached_by", sa.Text(), nullable=False, comment="name of the account that attached it"
        ),
        sa.Column(
            "attached_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint("kind IN ('scan', 'attachment')", name=op.f("ck_directive_file_kind")),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_directive_file_directive_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_file")),
        comment="scans of directives and what came with them",
    )
    op.create_index(
        op.f("ix_directive_file_directive_id"), "directive_file", ["directive_id"], unique=False
    )
    op.create_table(
        "directive_clause",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("directive_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("place", sa.Integer(), nullable=False, comment="order on the paper, from 0"),
        sa.Column("number", sa.Text(), nullable=False, comment="as it stands on the paper"),
        sa.Column("said", sa.Text(), nullable=False, comment="what is ordered"),
        sa.Column(
            "owed", sa.Text(), server_default="", nullable=False, comment="what is owed back"
        ),
        sa.Column(
            "due_said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="its own deadline in its words",
        ),
        sa.Column(
            "due", sa.Date(), nullable=True, comment="the last day; null is none, or inherited"
        ),
        sa.Column(
            "citation_id",
            sa.Text(),
            nullable=True,
            comment="the citation whose deadline it inherits",
        ),
        sa.Column("assigned_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "assigned_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; empty for the shipped ones",
        ),
        sa.ForeignKeyConstraint(
            ["citation_id"], ["directive_citation.id"], name=op.f("fk_directive_clause_citation_id")
        ),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_directive_clause_directive_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_clause")),
        comment="clauses of directives: who leads, who co-operates, until when, what is owed",
    )
    op.create_index(
        op.f("ix_directive_clause_directive_id_place"),
        "directive_clause",
        ["directive_id", "place"],
        unique=False,
    )
    op.create_table(
        "directive_duty",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("directive_clause_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("place", sa.Integer(), nullable=False, comment="order on the paper, from 0"),
        sa.Column("body", sa.Text(), nullable=False, comment="who owes it, by name"),
        sa.Column("part", sa.Text(), nullable=False, comment="lead (chủ trì) or with (phối hợp)"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="due",
            nullable=False,
            comment="due, received, returned or consolidated",
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False, comment="of the last step"),
        sa.Column(
            "changed_ns", sa.BigInteger(), nullable=True, comment="when the state last changed"
        ),
        sa.CheckConstraint("part IN ('lead', 'with')", name=op.f("ck_directive_duty_part")),
        sa.CheckConstraint(
            "state IN ('due', 'received', 'returned', 'consolidated')",
            name=op.f("ck_directive_duty_state"),
        ),
        sa.ForeignKeyConstraint(
            ["directive_clause_id"],
            ["directive_clause.id"],
            name=op.f("fk_directive_duty_directive_clause_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_duty")),
        comment="what each body owes for a clause",
    )
    op.create_index(
        op.f("ix_directive_duty_directive_clause_id_place"),
        "directive_duty",
        ["directive_clause_id", "place"],
        unique=False,
    )
    op.create_table(
        "directive_step",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("directive_duty_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("state", sa.Text(), nullable=False, comment="what it became"),
        sa.Column(
            "note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="by which document, or why it went back",
        ),
        sa.Column("done_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "done_by", sa.Text(), nullable=False, comment="name of the account that entered it"
        ),
        sa.Column(
            "done_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["directive_duty_id"],
            ["directive_duty.id"],
            name=op.f("fk_directive_step_directive_duty_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_step")),
        comment="what came back and what was sent back; only ever added",
    )
    op.create_index(
        op.f("ix_directive_step_directive_duty_id_done_ns"),
        "directive_step",
        ["directive_duty_id", "done_ns"],
        unique=False,
    )


def downgrade() -> None:
    """What was kept in them is gone."""
    op.drop_table("directive_step")
    op.drop_table("directive_duty")
    op.drop_table("directive_clause")
    op.drop_table("directive_file")
    op.drop_table("directive_citation")
    op.drop_table("directive")
    op.drop_table("letter_template")
