"""Notices, requests of people who were filmed, incidents, texts of the law."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Five tables, empty."""
    op.create_table(
        "notice",
        sa.Column("site_id", sa.Text(), nullable=False, comment="of whom"),
        sa.Column(
            "public_id",
            sa.Text(),
            nullable=False,
            comment="opaque name of the public page; printed on the sign, never changed",
        ),
        sa.Column("operator", sa.Text(), nullable=False, comment="who answers for the cameras"),
        sa.Column(
            "contact", sa.Text(), nullable=False, comment="where people who are filmed may ask"
        ),
        sa.Column("purpose", sa.Text(), nullable=False, comment="why is filmed, in Vietnamese"),
        sa.Column(
            "purpose_en",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why is filmed, in English",
        ),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was last edited"),
        sa.Column(
            "updated_by", sa.Text(), nullable=False, comment="name of the account that edited it"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_notice_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_notice")),
        sa.UniqueConstraint("public_id", name=op.f("uq_notice_public_id")),
        comment="what the notice sign and the public page of a site say",
    )
    op.create_table(
        "person_request",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="access, copy, deletion, objection or complaint",
        ),
        sa.Column(
            "said", sa.Text(), nullable=False, comment="what is asked for, in the words of who asks"
        ),
        sa.Column(
            "contact",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="where the answer goes, if they said; gone when it is over",
        ),
        sa.Column(
            "came",
            sa.Text(),
            nullable=False,
            comment="form for the public page, staff for what was entered from paper",
        ),
        sa.Column(
            "receipt",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the receipt code, hex; the code itself is kept by who asked",
        ),
        sa.Column(
            "entered_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that entered it; empty for the form",
        ),
        sa.Column("received_ns", sa.BigInteger(), nullable=False, comment="when it came"),
        sa.Column(
            "acknowledge_by_ns",
            sa.BigInteger(),
            nullable=False,
            comment="end of the days in which the law wants a first answer",
        ),
        sa.Column(
            "due_ns",
            sa.BigInteger(),
            nullable=False,
            comment="end of the days in which the law wants it done",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="received",
            nullable=False,
            comment="received, acknowledged, answered or refused",
        ),
        sa.Column(
            "acknowledged_ns", sa.BigInteger(), nullable=True, comment="when somebody took it up"
        ),
        sa.Column(
            "acknowledged_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of their account",
        ),
        sa.Column(
            "answered_ns", sa.BigInteger(), nullable=True, comment="when it was answered or refused"
        ),
        sa.Column(
            "answered_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that answered",
        ),
        sa.Column(
            "answer",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was answered; who holds the receipt reads it",
        ),
        sa.CheckConstraint("came IN ('form', 'staff')", name=op.f("ck_person_request_came")),
        sa.CheckConstraint(
            "state IN ('received', 'acknowledged', 'answered', 'refused')",
            name=op.f("ck_person_request_state"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_person_request_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_request")),
        sa.UniqueConstraint("receipt", name=op.f("uq_person_request_receipt")),
        comment="requests of people who were filmed, with the days in which they are answered",
    )
    op.create_index(
        op.f("ix_person_request_site_id_received_ns"),
        "person_request",
        ["site_id", "received_ns"],
        unique=False,
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("kind", sa.Text(), nullable=False, comment="personal_data or security"),
        sa.Column(
            "serious", sa.Boolean(), nullable=False, comment="whether the shorter clock runs too"
        ),
        sa.Column("title", sa.Text(), nullable=False, comment="what happened, in a line"),
        sa.Column("said", sa.Text(), nullable=False, comment="what is known of it"),
        sa.Column(
            "affected",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="which data and how many people, as far as known",
        ),
        sa.Column(
            "found_ns",
            sa.BigInteger(),
            nullable=False,
            comment="when it was found; the clocks run from here",
        ),
        sa.Column(
            "opened_ns", sa.BigInteger(), nullable=False, comment="when the record was opened"
        ),
        sa.Column(
            "opened_by", sa.Text(), nullable=False, comment="name of the account that opened it"
        ),
        sa.Column(
            "closed_ns", sa.BigInteger(), nullable=True, comment="when the record was closed"
        ),
        sa.Column(
            "closed_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that closed it",
        ),
        sa.CheckConstraint("kind IN ('personal_data', 'security')", name=op.f("ck_incident_kind")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_incident_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        comment="records of incidents of personal data and of security",
    )
    op.create_index(
        op.f("ix_incident_site_id_found_ns"), "incident", ["site_id", "found_ns"], unique=False
    )
    op.create_table(
        "incident_step",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("incident_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="the clock that it stops, or contained, subjects_told, note, closed",
        ),
        sa.Column("said", sa.Text(), nullable=False, comment="what was done"),
        sa.Column("done_ns", sa.BigInteger(), nullable=False, comment="when it was done"),
        sa.Column("entered_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "entered_by", sa.Text(), nullable=False, comment="name of the account that entered it"
        ),
        sa.Column(
            "entered_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_step_incident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_step")),
        comment="what was done about an incident; only ever added",
    )
    op.create_index(
        op.f("ix_incident_step_incident_id_done_ns"),
        "incident_step",
        ["incident_id", "done_ns"],
        unique=False,
    )
    op.create_table(
        "legal_text",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("basis", sa.Text(), nullable=False, comment="code of a legal basis of the rules"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was called where it came from"
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="application/pdf or text/plain"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the bytes"),
        sa.Column(
            "note", sa.Text(), server_default="", nullable=False, comment="where it was taken from"
        ),
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
        sa.Column(
            "removed_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it was found to be the wrong text",
        ),
        sa.Column(
            "removed_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that took it away",
        ),
        sa.Column("removed_reason", sa.Text(), server_default="", nullable=False, comment="why"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_text")),
        comment="texts of the law that somebody compared and attached",
    )
    op.create_index(op.f("ix_legal_text_basis"), "legal_text", ["basis"], unique=False)


def downgrade() -> None:
    """What was kept in them is gone."""
    op.drop_table("legal_text")
    op.drop_table("incident_step")
    op.drop_table("incident")
    op.drop_table("person_request")
    op.drop_table("notice")
