"""Cases: what was seen by camera, its moments, steps, links and hand-overs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0029"


def upgrade() -> None:
    """Five tables, empty."""
    op.create_table(
        "case_record",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("year", sa.BigInteger(), nullable=False, comment="of its number"),
        sa.Column(
            "serial", sa.BigInteger(), nullable=False, comment="counts the cases of a year from 1"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="suspected",
            nullable=False,
            comment="suspected, confirmed, handling, closed or dismissed",
        ),
        sa.Column(
            "found_by",
            sa.Text(),
            nullable=False,
            comment="person, or program for a suspicion of a machine",
        ),
        sa.Column(
            "violation",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="code of the catalogue; empty until somebody says which",
        ),
        sa.Column(
            "catalogue",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="version of the catalogue that the code is of",
        ),
        sa.Column(
            "subject",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="whose act: N, P, K or C; empty until somebody says",
        ),
        sa.Column("severity", sa.Text(), nullable=False, comment="low, medium, high or urgent"),
        sa.Column(
            "place",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="room or place, never a person",
        ),
        sa.Column(
            "role",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who as a role, never a name",
        ),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was seen, without names and dates of people",
        ),
        sa.Column(
            "happened_ns",
            sa.BigInteger(),
            nullable=False,
            comment="the second that was marked first",
        ),
        sa.Column(
            "due_ns", sa.BigInteger(), nullable=False, comment="until when whoever has it decides"
        ),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False, comment="when it was opened"),
        sa.Column("opened_by", sa.Text(), nullable=True, comment="who did; null for a machine"),
        sa.Column(
            "opened_name",
            sa.Text(),
            nullable=False,
            comment="what they or the machine were called then",
        ),
        sa.Column(
            "unit",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the unit that has it in hand; empty for nobody's",
        ),
        sa.Column("responsible_id", sa.Text(), nullable=True, comment="who deals with it"),
        sa.Column(
            "responsible_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what they were called then",
        ),
        sa.Column(
            "confirmed_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when a person confirmed that it happened",
        ),
        sa.Column("confirmed_by", sa.Text(), nullable=True, comment="who did"),
        sa.Column(
            "confirmed_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what they were called then",
        ),
        sa.Column(
            "outcome",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="event or violation; empty before it is known",
        ),
        sa.Column(
            "basis",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the document and clause that the body named for a violation",
        ),
        sa.Column(
            "concluded_body",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the body that concluded a violation",
        ),
        sa.Column("concluded_by", sa.Text(), nullable=True, comment="who entered its word"),
        sa.Column(
            "ended_ns", sa.BigInteger(), nullable=True, comment="when it was closed or dismissed"
        ),
        sa.Column("ended_by", sa.Text(), nullable=True, comment="who did"),
        sa.Column(
            "ended_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what they were called then",
        ),
        sa.Column(
            "ended_reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why, or what came of it",
        ),
        sa.CheckConstraint(
            "(found_by = 'person' AND opened_by IS NOT NULL) OR found_by = 'program'",
            name=op.f("ck_case_record_found_by"),
        ),
        sa.CheckConstraint(
            "(state IN ('closed', 'dismissed')) = (ended_ns IS NOT NULL)",
            name=op.f("ck_case_record_ended"),
        ),
        sa.CheckConstraint(
            "outcome IN ('', 'event') OR (outcome = 'violation' AND confirmed_by IS NOT NULL"
            " AND concluded_by IS NOT NULL AND basis <> '' AND concluded_body <> '')",
            name=op.f("ck_case_record_violation"),
        ),
        sa.CheckConstraint(
            "severity IN ('low', 'medium', 'high', 'urgent')", name=op.f("ck_case_record_severity")
        ),
        sa.CheckConstraint(
            "state IN ('suspected', 'confirmed', 'handling', 'closed', 'dismissed')",
            name=op.f("ck_case_record_state"),
        ),
        sa.CheckConstraint(
            "state IN ('suspected', 'dismissed') OR confirmed_by IS NOT NULL",
            name=op.f("ck_case_record_confirmed"),
        ),
        sa.ForeignKeyConstraint(
            ["concluded_by"], ["account.id"], name=op.f("fk_case_record_concluded_by")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["account.id"], name=op.f("fk_case_record_confirmed_by")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["account.id"], name=op.f("fk_case_record_ended_by")),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["account.id"], name=op.f("fk_case_record_opened_by")
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"], ["account.id"], name=op.f("fk_case_record_responsible_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_case_record_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_record")),
        sa.UniqueConstraint("year", "serial", name=op.f("uq_case_record_year_serial")),
        comment="cases: something seen by camera, from a suspicion to its end; deleted when old",
    )
    op.create_index(
        op.f("ix_case_record_site_id_opened_ns"),
        "case_record",
        ["site_id", "opened_ns"],
        unique=False,
    )
    op.create_index(
        op.f("ix_case_record_state_due_ns"), "case_record", ["state", "due_ns"], unique=False
    )
    op.create_table(
        "case_mark",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("case_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera showed it"),
        sa.Column("camera", sa.Text(), nullable=False, comment="its name on the wire"),
        sa.Column(
            "zone", sa.Text(), nullable=False, comment="its place by the placement rule then"
        ),
        sa.Column(
            "at_ns",
            sa.BigInteger(),
            nullable=False,
            comment="the second; the still and the playback lead here",
        ),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="begin of the clip"),
        sa.Column("to_ns", sa.BigInteger(), nullable=False, comment="end of the clip"),
        sa.Column(
            "via",
            sa.Text(),
            nullable=False,
            comment="live or playback; program for a suspicion of a machine",
        ),
        sa.Column("hold_id", sa.Text(), nullable=True, comment="what keeps the clip from deletion"),
        sa.Column(
            "unheld",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why nothing keeps it: box_elsewhere or too_many",
        ),
        sa.Column("marked_ns", sa.BigInteger(), nullable=False, comment="when it was marked"),
        sa.Column(
            "marked_name", sa.Text(), nullable=False, comment="who did, as they were called then"
        ),
        sa.CheckConstraint("via IN ('live', 'playback', 'program')", name=op.f("ck_case_mark_via")),
        sa.CheckConstraint("from_ns <= at_ns AND at_ns <= to_ns", name=op.f("ck_case_mark_span")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_case_mark_camera_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], name=op.f("fk_case_mark_case_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_case_mark_hold_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_mark")),
        comment="moments of cameras under a case",
    )
    op.create_index(op.f("ix_case_mark_case_id"), "case_mark", ["case_id"], unique=False)
    op.create_table(
        "case_step",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("case_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column(
            "serial", sa.BigInteger(), nullable=False, comment="counts the steps of a case from 1"
        ),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="opened, marked, described, confirmed, dismissed, taken, escalated, ...",
        ),
        sa.Column("said", sa.Text(), server_default="", nullable=False, comment="what was written"),
        sa.Column("entered_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "entered_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty for a machine",
        ),
        sa.Column(
            "entered_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], name=op.f("fk_case_step_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_step")),
        sa.UniqueConstraint("case_id", "serial", name=op.f("uq_case_step_case_id_serial")),
        comment="what happened to a case, in order; only ever added",
    )
    op.create_table(
        "case_link",
        sa.Column("case_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("other_id", sa.Text(), nullable=False, comment="the other"),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], name=op.f("fk_case_link_case_id")),
        sa.ForeignKeyConstraint(
            ["other_id"], ["case_record.id"], name=op.f("fk_case_link_other_id")
        ),
        sa.PrimaryKeyConstraint("case_id", "other_id", name=op.f("pk_case_link")),
        comment="cases that belong together; a row for each direction",
    )
    op.create_table(
        "case_handover",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("case_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("body", sa.Text(), nullable=False, comment="the body with the power to conclude"),
        sa.Column(
            "receiver",
            sa.Text(),
            nullable=False,
            comment="who took it over there: name and position of an official",
        ),
        sa.Column(
            "minutes", sa.Text(), nullable=False, comment="number of the minutes of the hand-over"
        ),
        sa.Column("minutes_day", sa.Date(), nullable=False, comment="their day"),
        sa.Column("handed_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "handed_name",
            sa.Text(),
            nullable=False,
            comment="who handed it over, as they were called then",
        ),
        sa.Column(
            "outcome",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="event or violation, by the body; empty while it waits",
        ),
        sa.Column(
            "document",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the body's decision or answer",
        ),
        sa.Column("document_day", sa.Date(), nullable=True, comment="its day"),
        sa.Column(
            "said", sa.Text(), server_default="", nullable=False, comment="what the body said"
        ),
        sa.Column(
            "outcome_ns", sa.BigInteger(), nullable=True, comment="when its word was entered"
        ),
        sa.Column(
            "outcome_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who entered it, as they were called then",
        ),
        sa.CheckConstraint(
            "outcome IN ('', 'event', 'violation')", name=op.f("ck_case_handover_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_record.id"], name=op.f("fk_case_handover_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_handover")),
        comment="hand-overs of cases to a body that may conclude, with what it concluded",
    )
    op.create_index(op.f("ix_case_handover_case_id"), "case_handover", ["case_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("case_handover")
    op.drop_table("case_link")
    op.drop_table("case_step")
    op.drop_table("case_mark")
    op.drop_table("case_record")
