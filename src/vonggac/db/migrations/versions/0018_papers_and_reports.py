"""Documents that were drafted and issued; reports with their data; reports by the clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"


def upgrade() -> None:
    """Seven tables, empty."""
    op.create_table(
        "report_schedule",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "unit_id", sa.Text(), nullable=True, comment="of which unit; null is the whole hub"
        ),
        sa.Column("rhythm", sa.Text(), nullable=False, comment="daily, weekly or monthly"),
        sa.Column(
            "minute",
            sa.BigInteger(),
            nullable=False,
            comment="minute of the day at which it is made",
        ),
        sa.Column("endings", sa.Text(), nullable=False, comment="docx, pdf, xlsx, with commas"),
        sa.Column(
            "mail",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="addresses, with commas; empty sends none",
        ),
        sa.Column("folder", sa.Boolean(), nullable=False, comment="whether files are laid down"),
        sa.Column(
            "done_for",
            sa.Date(),
            nullable=True,
            comment="the last day that it was made for; null before",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was ordered"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="on whose rights it is made"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "ended_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it was ended; null while it stands",
        ),
        sa.Column(
            "ended_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "ended_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "rhythm IN ('daily', 'weekly', 'monthly')", name=op.f("ck_report_schedule_rhythm")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_report_schedule_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedule")),
        comment="reports that are made and sent by the clock",
    )
    op.create_table(
        "paper",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "about", sa.Text(), nullable=False, comment="what it was drafted from, as subject:id"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="code of the kind of document"),
        sa.Column(
            "site_id",
            sa.Text(),
            nullable=True,
            comment="the facility that it is about; null is none",
        ),
        sa.Column(
            "unit_id", sa.Text(), nullable=True, comment="whose paper it is; null is the hub's"
        ),
        sa.Column(
            "directive_id", sa.Text(), nullable=True, comment="the directive that it carries out"
        ),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="what it is about, as its letter says"
        ),
        sa.Column("issuer", sa.Text(), nullable=False, comment="who issues it, as its letter says"),
        sa.Column(
            "folded",
            sa.Text(),
            nullable=False,
            comment="number, issuer and subject without marks, for the search",
        ),
        sa.Column(
            "letter", sa.JSON(), nullable=False, comment="the whole document, to be set again"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="draft",
            nullable=False,
            comment="draft, issued or withdrawn",
        ),
        sa.Column(
            "number",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="given by the records clerk; empty before",
        ),
        sa.Column("dated", sa.Date(), nullable=True, comment="its day; null before"),
        sa.Column("drafted_ns", sa.BigInteger(), nullable=False, comment="when it was drafted"),
        sa.Column(
            "drafted_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "drafted_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "issued_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when the signed paper was entered; null before",
        ),
        sa.Column(
            "issued_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "issued_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "withdrawn_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it was withdrawn; null unless it was",
        ),
        sa.Column(
            "withdrawn_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "withdrawn_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "withdrawn_why", sa.Text(), server_default="", nullable=False, comment="the reason"
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'issued', 'withdrawn')", name=op.f("ck_paper_state")
        ),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_paper_directive_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_paper_site_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_paper_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        comment="documents that the program drafted, and what became of them",
    )
    op.create_index(op.f("ix_paper_about"), "paper", ["about"], unique=False)
    op.create_index(op.f("ix_paper_drafted_ns"), "paper", ["drafted_ns"], unique=False)
    op.create_index(op.f("ix_paper_site_id"), "paper", ["site_id"], unique=False)
    op.create_index(op.f("ix_paper_unit_id"), "paper", ["unit_id"], unique=False)
    op.create_table(
        "paper_agreement",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("paper_id", sa.Text(), nullable=False, comment="to which paper"),
        sa.Column(
            "note", sa.Text(), server_default="", nullable=False, comment="what the person said"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper.id"], name=op.f("fk_paper_agreement_paper_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_agreement")),
        comment="that a person agreed to a draft in the system; it is not the legal signature",
    )
    op.create_index(
        op.f("ix_paper_agreement_paper_id"), "paper_agreement", ["paper_id"], unique=False
    )
    op.create_table(
        "paper_file",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("paper_id", sa.Text(), nullable=False, comment="of which paper"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was called where it came from"
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the signed PDF"),
        sa.Column("attached_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "attached_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "attached_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_file_paper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_file")),
        sa.UniqueConstraint("paper_id", name=op.f("uq_paper_file_paper_id")),
        comment="the signed paper as it came back",
    )
    op.create_table(
        "paper_recipient",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("paper_id", sa.Text(), nullable=False, comment="of which paper"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="place in the list, from 1"),
        sa.Column("name", sa.Text(), nullable=False, comment="to whom"),
        sa.Column("sent", sa.Date(), nullable=True, comment="the day it was sent; null before"),
        sa.Column("way", sa.Text(), server_default="", nullable=False, comment="how it was sent"),
        sa.Column("delivered", sa.Date(), nullable=True, comment="the day it arrived; null before"),
        sa.Column(
            "answered", sa.Date(), nullable=True, comment="the day of the answer; null before"
        ),
        sa.Column(
            "answer", sa.Text(), server_default="", nullable=False, comment="number of the answer"
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper.id"], name=op.f("fk_paper_recipient_paper_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_recipient")),
        sa.UniqueConstraint("paper_id", "at", name=op.f("uq_paper_recipient_paper_id_at")),
        comment="to whom a paper goes, whether it arrived and was answered",
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "unit_id", sa.Text(), nullable=True, comment="of which unit; null is the whole hub"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="daily or periodic"),
        sa.Column("from_date", sa.Date(), nullable=False, comment="first day"),
        sa.Column("to_date", sa.Date(), nullable=False, comment="last day, which counts"),
        sa.Column(
            "data", sa.JSON(), nullable=False, comment="figures with the rows that they count"
        ),
        sa.Column(
            "sha256",
            sa.Text(),
            nullable=False,
            comment="of the data as it is written for the hash, hex",
        ),
        sa.Column(
            "paper_id",
            sa.Text(),
            nullable=True,
            comment="the letter that carries it; null for a daily page",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was counted"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty before",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint("kind IN ('daily', 'periodic')", name=op.f("ck_report_kind")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_report_paper_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_report_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        comment="reports with the data that they were made from; only ever added",
    )
    op.create_index(
        op.f("ix_report_unit_id_made_ns"), "report", ["unit_id", "made_ns"], unique=False
    )
    op.create_table(
        "report_delivery",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("schedule_id", sa.Text(), nullable=False, comment="of which schedule"),
        sa.Column("report_id", sa.Text(), nullable=False, comment="what is delivered"),
        sa.Column("way", sa.Text(), nullable=False, comment="file or mail"),
        sa.Column(
            "target",
            sa.Text(),
            nullable=False,
            comment="the file's path below the folder, or the address",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, done or failed"),
        sa.Column("tries", sa.BigInteger(), nullable=False, comment="how often it was tried"),
        sa.Column(
            "next_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it is tried next; null when it is over",
        ),
        sa.Column(
            "fault", sa.Text(), server_default="", nullable=False, comment="what went wrong last"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was due"),
        sa.Column(
            "done_ns", sa.BigInteger(), nullable=True, comment="when it succeeded; null before"
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed')", name=op.f("ck_report_delivery_state")
        ),
        sa.CheckConstraint("way IN ('file', 'mail')", name=op.f("ck_report_delivery_way")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_report_delivery_report_id")
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["report_schedule.id"], name=op.f("fk_report_delivery_schedule_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_delivery")),
        comment="files and mails that carried a report, with what went wrong",
    )
    op.create_index(
        op.f("ix_report_delivery_schedule_id_made_ns"),
        "report_delivery",
        ["schedule_id", "made_ns"],
        unique=False,
    )
    op.create_index(
        op.f("ix_report_delivery_state_next_ns"),
        "report_delivery",
        ["state", "next_ns"],
        unique=False,
    )


def downgrade() -> None:
    """What was kept in them is gone."""
    op.drop_table("report_delivery")
    op.drop_table("report")
    op.drop_table("paper_recipient")
    op.drop_table("paper_file")
    op.drop_table("paper_agreement")
    op.drop_table("paper")
    op.drop_table("report_schedule")
