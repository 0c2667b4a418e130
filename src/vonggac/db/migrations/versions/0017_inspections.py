"""Inspections: rounds, checklists, findings, reminders, proposals and decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0018"


def upgrade() -> None:
    """Nine tables, empty."""
    op.create_table(
        "inspection_round",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("title", sa.Text(), nullable=False, comment="what people call it"),
        sa.Column("body", sa.Text(), nullable=False, comment="the body that leads it"),
        sa.Column(
            "decision",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the decision; empty while it is a draft",
        ),
        sa.Column("decided", sa.Date(), nullable=True, comment="day of the decision"),
        sa.Column("team", sa.JSON(), nullable=False, comment="who goes: name, body, part"),
        sa.Column(
            "directive_id", sa.Text(), nullable=True, comment="the directive that it carries out"
        ),
        sa.Column("paper_id", sa.Text(), nullable=True, comment="the draft of the decision"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_round")),
        comment="a decision to inspect: which body, who goes, to which facilities, when",
    )
    op.create_index(
        op.f("ix_inspection_round_made_ns"), "inspection_round", ["made_ns"], unique=False
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("round_id", sa.Text(), nullable=False, comment="of which decision"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("planned", sa.Date(), nullable=False, comment="the day that was planned"),
        sa.Column("way", sa.Text(), nullable=False, comment="on_site or remote"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="planned",
            nullable=False,
            comment="planned, open, done or dropped",
        ),
        sa.Column(
            "checklist",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="version of the rules whose items are asked",
        ),
        sa.Column(
            "facts",
            sa.JSON(),
            nullable=False,
            comment="what the program knew when it began, by item; empty before",
        ),
        sa.Column(
            "facts_ns", sa.BigInteger(), nullable=True, comment="as of when; null before it began"
        ),
        sa.Column(
            "since_ns",
            sa.BigInteger(),
            nullable=True,
            comment="from when the figures count: the inspection before",
        ),
        sa.Column("done", sa.Date(), nullable=True, comment="the day of the minutes"),
        sa.Column(
            "counts",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="it satisfies the rule of days: on site, or a leader lets a remote one count",
        ),
        sa.Column(
            "present",
            sa.JSON(),
            nullable=False,
            comment="who was there for the facility and agreed: name, position, agreed",
        ),
        sa.Column(
            "opinion",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what the facility says of it",
        ),
        sa.Column(
            "refused",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why the facility did not sign; empty when it did not refuse",
        ),
        sa.Column(
            "witness",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="before whom it refused: name and what they are",
        ),
        sa.Column(
            "client_id",
            sa.Text(),
            nullable=True,
            comment="names the minutes where they were made, so that they come once",
        ),
        sa.Column(
            "minutes_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when the minutes were made, by the maker's clock",
        ),
        sa.Column("closed_ns", sa.BigInteger(), nullable=True, comment="when they came"),
        sa.Column(
            "closed_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column(
            "closed_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column("paper_id", sa.Text(), nullable=True, comment="the draft of the minutes"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was planned"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'open', 'done', 'dropped')", name=op.f("ck_inspection_state")
        ),
        sa.CheckConstraint("way IN ('on_site', 'remote')", name=op.f("ck_inspection_way")),
        sa.ForeignKeyConstraint(
            ["round_id"], ["inspection_round.id"], name=op.f("fk_inspection_round_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_inspection_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
        sa.UniqueConstraint("client_id", name=op.f("uq_inspection_client_id")),
        comment="one facility inspected once: facts as of a moment, answers, minutes",
    )
    op.create_index(op.f("ix_inspection_round_id"), "inspection", ["round_id"], unique=False)
    op.create_index(
        op.f("ix_inspection_site_id_done"), "inspection", ["site_id", "done"], unique=False
    )
    op.create_table(
        "inspection_answer",
        sa.Column("inspection_id", sa.Text(), nullable=False, comment="of which inspection"),
        sa.Column("item", sa.Text(), nullable=False, comment="code of the checklist"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="pass, fail or na"),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was found, and what has to be done",
        ),
        sa.Column(
            "action",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what the facility has to do, of an item that failed",
        ),
        sa.Column(
            "responsible", sa.Text(), server_default="", nullable=False, comment="who does it"
        ),
        sa.Column("due", sa.Date(), nullable=True, comment="until when"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "verdict IN ('pass', 'fail', 'na')", name=op.f("ck_inspection_answer_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspection.id"], name=op.f("fk_inspection_answer_inspection_id")
        ),
        sa.PrimaryKeyConstraint("inspection_id", "item", name=op.f("pk_inspection_answer")),
        comment="what the inspector found of an item",
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("inspection_id", sa.Text(), nullable=False, comment="of which inspection"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("item", sa.Text(), nullable=False, comment="code of the checklist"),
        sa.Column("said", sa.Text(), nullable=False, comment="what is wrong"),
        sa.Column("action", sa.Text(), nullable=False, comment="what has to be done"),
        sa.Column("responsible", sa.Text(), nullable=False, comment="who does it"),
        sa.Column("due", sa.Date(), nullable=False, comment="until when"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="open, proved or closed",
        ),
        sa.Column("task_id", sa.Text(), nullable=True, comment="the task that it opened"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint("state IN ('open', 'proved', 'closed')", name=op.f("ck_finding_state")),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspection.id"], name=op.f("fk_finding_inspection_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_finding_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        comment="what an inspection found wrong and has to be mended",
    )
    op.create_index(op.f("ix_finding_inspection_id"), "finding", ["inspection_id"], unique=False)
    op.create_index(op.f("ix_finding_site_id_state"), "finding", ["site_id", "state"], unique=False)
    op.create_table(
        "inspection_photo",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("inspection_id", sa.Text(), nullable=False, comment="of which inspection"),
        sa.Column("finding_id", sa.Text(), nullable=True, comment="of which finding, as its proof"),
        sa.Column(
            "item",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="of which item of the checklist; empty for the whole",
        ),
        sa.Column(
            "client_id",
            sa.Text(),
            nullable=True,
            comment="names it where it was taken, so that it comes once",
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="image/png or image/jpeg"),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="the bytes, without metadata"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it came"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["finding.id"], name=op.f("fk_inspection_photo_finding_id")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspection.id"], name=op.f("fk_inspection_photo_inspection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_photo")),
        sa.UniqueConstraint("client_id", name=op.f("uq_inspection_photo_client_id")),
        comment="photographs of an inspection, and of what was mended",
    )
    op.create_index(
        op.f("ix_inspection_photo_finding_id"), "inspection_photo", ["finding_id"], unique=False
    )
    op.create_index(
        op.f("ix_inspection_photo_inspection_id"),
        "inspection_photo",
        ["inspection_id"],
        unique=False,
    )
    op.create_table(
        "finding_step",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("finding_id", sa.Text(), nullable=False, comment="of which finding"),
        sa.Column("kind", sa.Text(), nullable=False, comment="proof, closed or reopened"),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was done, or why it is open again",
        ),
        sa.Column(
            "proof",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="photo, clip, ledger or word: of a proof",
        ),
        sa.Column(
            "proof_id",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="id of the photograph or of the export",
        ),
        sa.Column(
            "figures",
            sa.JSON(),
            nullable=False,
            comment="figures of the ledger at that moment, of such a proof",
        ),
        sa.Column(
            "due", sa.Date(), nullable=True, comment="the new last day, of what was opened again"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "kind IN ('proof', 'closed', 'reopened')", name=op.f("ck_finding_step_kind")
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["finding.id"], name=op.f("fk_finding_step_finding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_step")),
        comment="proofs and re-checks of a finding, in order; only ever added",
    )
    op.create_index(
        op.f("ix_finding_step_finding_id"), "finding_step", ["finding_id"], unique=False
    )
    op.create_table(
        "inspection_switch",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="for the facilities of which unit; null is all",
        ),
        sa.Column("remote", sa.Boolean(), nullable=False, comment="a remote inspection counts"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="since when"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_inspection_switch_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_switch")),
        comment="leaders who let remote inspections count, or did until then; only ever added",
    )
    op.create_index(
        op.f("ix_inspection_switch_unit_id_made_ns"),
        "inspection_switch",
        ["unit_id", "made_ns"],
        unique=False,
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("about", sa.Text(), nullable=False, comment="what is late: subject:id"),
        sa.Column(
            "level",
            sa.Text(),
            nullable=False,
            comment="to whom, as the rules of escalation have it",
        ),
        sa.Column("addressee", sa.Text(), nullable=False, comment="whom it is addressed to"),
        sa.Column("what", sa.Text(), nullable=False, comment="what is asked for"),
        sa.Column("due", sa.Date(), nullable=True, comment="the last day that was missed"),
        sa.Column(
            "answer_by", sa.Date(), nullable=False, comment="until when an answer is asked for"
        ),
        sa.Column("paper_id", sa.Text(), nullable=True, comment="the draft of the letter"),
        sa.Column(
            "number",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the letter; empty before it was sent",
        ),
        sa.Column("sent", sa.Date(), nullable=True, comment="day of sending"),
        sa.Column(
            "sent_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column(
            "sent_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "sent_ns", sa.BigInteger(), nullable=True, comment="when the sending was entered"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was drafted"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_reminder_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        comment="letters that urge: drafted by the program, sent by a person",
    )
    op.create_index(op.f("ix_reminder_about"), "reminder", ["about"], unique=False)
    op.create_index(op.f("ix_reminder_site_id_sent"), "reminder", ["site_id", "sent"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("list", sa.Text(), nullable=False, comment="not_installing or not_supervising"),
        sa.Column(
            "inputs",
            sa.JSON(),
            nullable=False,
            comment="the figures that put the facility on the list, as of its making",
        ),
        sa.Column(
            "reminded",
            sa.JSON(),
            nullable=False,
            comment="the reminders that were counted: number, day, level",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="explaining",
            nullable=False,
            comment="explaining, explained, proposed, decided or dropped",
        ),
        sa.Column(
            "explain_by", sa.Date(), nullable=False, comment="until when the facility explains"
        ),
        sa.Column(
            "link",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="digest of the one-time link; empty when there is none",
        ),
        sa.Column("link_used_ns", sa.BigInteger(), nullable=True, comment="when the link was used"),
        sa.Column(
            "explanation",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what the facility says",
        ),
        sa.Column(
            "explained_for",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who says it for the facility: name and position",
        ),
        sa.Column(
            "came",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="page, link or paper; empty before",
        ),
        sa.Column("explained_ns", sa.BigInteger(), nullable=True, comment="when it came"),
        sa.Column(
            "explained_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column(
            "explained_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "measure", sa.Text(), server_default="", nullable=False, comment="what is proposed"
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why"),
        sa.Column(
            "proposed_to",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the body that decides",
        ),
        sa.Column(
            "proposing",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the body that proposes",
        ),
        sa.Column("paper_id", sa.Text(), nullable=True, comment="the draft of the letter"),
        sa.Column("proposed_ns", sa.BigInteger(), nullable=True, comment="when"),
        sa.Column(
            "proposed_id", sa.Text(), server_default="", nullable=False, comment="account that did"
        ),
        sa.Column(
            "proposed_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column(
            "proposed_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "decision",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was decided: applied, eased or refused",
        ),
        sa.Column(
            "decision_said", sa.Text(), server_default="", nullable=False, comment="what it says"
        ),
        sa.Column(
            "decided_body",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the body that decided",
        ),
        sa.Column(
            "decided_person",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who signed: name and position",
        ),
        sa.Column(
            "document",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the document",
        ),
        sa.Column("decided", sa.Date(), nullable=True, comment="its day"),
        sa.Column("decided_ns", sa.BigInteger(), nullable=True, comment="when it was entered"),
        sa.Column(
            "decided_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column(
            "decided_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "made_ns", sa.BigInteger(), nullable=False, comment="when the explanation was asked for"
        ),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "list IN ('not_installing', 'not_supervising')", name=op.f("ck_proposal_list")
        ),
        sa.CheckConstraint(
            "state IN ('explaining', 'explained', 'proposed', 'decided', 'dropped')",
            name=op.f("ck_proposal_state"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_proposal_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        comment="what is proposed against a facility: its explanation first, the decision after it",
    )
    op.create_index(op.f("ix_proposal_link"), "proposal", ["link"], unique=False)
    op.create_index(
        op.f("ix_proposal_site_id_made_ns"), "proposal", ["site_id", "made_ns"], unique=False
    )


def downgrade() -> None:
    """What was kept in them is gone."""
    op.drop_table("proposal")
    op.drop_table("reminder")
    op.drop_table("inspection_switch")
    op.drop_table("finding_step")
    op.drop_table("inspection_photo")
    op.drop_table("finding")
    op.drop_table("inspection_answer")
    op.drop_table("inspection")
    op.drop_table("inspection_round")
