"""Survey campaigns, links, answers of facilities, calls, measured facts, verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0017"


def upgrade() -> None:
    """New tables, empty: nobody was asked anything yet."""
    op.create_table(
        "survey_campaign",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("title", sa.Text(), nullable=False, comment="what people call it"),
        sa.Column(
            "directive_id", sa.Text(), nullable=True, comment="the order that it carries out"
        ),
        sa.Column(
            "clause",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the clause of that order",
        ),
        sa.Column("due", sa.Date(), nullable=False, comment="last day of an answer"),
        sa.Column(
            "answers", sa.Text(), nullable=False, comment="who is to answer: facility or surveyor"
        ),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="whose facilities, with those below; null is named ones",
        ),
        sa.Column(
            "lines", sa.JSON(), nullable=False, comment="owning lines that are meant; empty is all"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was begun"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
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
            comment="when it was ended; null while it lasts",
        ),
        sa.CheckConstraint(
            "answers IN ('facility', 'surveyor')", name=op.f("ck_survey_campaign_answers")
        ),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_survey_campaign_directive_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_campaign")),
        comment="a survey of many facilities until a day, by an order",
    )
    op.create_index(
        op.f("ix_survey_campaign_made_ns"), "survey_campaign", ["made_ns"], unique=False
    )
    op.create_table(
        "survey",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_campaign_id", sa.Text(), nullable=False, comment="of which campaign"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="which facility"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="asked",
            nullable=False,
            comment="asked, answered, verified, disputed or refused",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why it is disputed or refused",
        ),
        sa.Column(
            "person",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who refused, as they named themselves",
        ),
        sa.Column(
            "changed_ns", sa.BigInteger(), nullable=False, comment="when its state last changed"
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'answered', 'verified', 'disputed', 'refused')",
            name=op.f("ck_survey_state"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_survey_site_id")),
        sa.ForeignKeyConstraint(
            ["survey_campaign_id"],
            ["survey_campaign.id"],
            name=op.f("fk_survey_survey_campaign_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey")),
        sa.UniqueConstraint(
            "survey_campaign_id", "site_id", name=op.f("uq_survey_survey_campaign_id_site_id")
        ),
        comment="what one facility is asked in a campaign, and how far it is",
    )
    op.create_index(op.f("ix_survey_site_id"), "survey", ["site_id"], unique=False)
    op.create_table(
        "survey_link",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="which form it opens"),
        sa.Column(
            "token_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of its secret, hex; the secret is kept nowhere",
        ),
        sa.Column(
            "ends_ns", sa.BigInteger(), nullable=False, comment="until when it opens anything"
        ),
        sa.Column(
            "revoked_ns", sa.BigInteger(), nullable=True, comment="when somebody took it back"
        ),
        sa.Column(
            "used_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when the form was sent through it; only the receipt is left",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_link_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_survey_link_token_hash")),
        comment="an address that opens one facility's form without an account, once",
    )
    op.create_index(op.f("ix_survey_link_survey_id"), "survey_link", ["survey_id"], unique=False)
    op.create_table(
        "survey_answer",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="of which survey"),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="counts from 1; all are kept"
        ),
        sa.Column(
            "client_id",
            sa.Text(),
            nullable=False,
            comment="made by the device: what was sent twice is kept once",
        ),
        sa.Column(
            "receipt", sa.Text(), nullable=False, comment="the code that whoever sent it reads"
        ),
        sa.Column("said", sa.JSON(), nullable=False, comment="the answers, as the form has them"),
        sa.Column(
            "pictures",
            sa.JSON(),
            nullable=False,
            comment="device's ids of pictures that belong to it",
        ),
        sa.Column(
            "person", sa.Text(), nullable=False, comment="who answered: name, position, telephone"
        ),
        sa.Column(
            "link_id",
            sa.Text(),
            nullable=True,
            comment="the link that it came through; null: a signed-in person",
        ),
        sa.Column("sent_ns", sa.BigInteger(), nullable=False, comment="when it arrived"),
        sa.Column(
            "sent_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "sent_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_answer_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_answer")),
        sa.UniqueConstraint(
            "survey_id", "client_id", name=op.f("uq_survey_answer_survey_id_client_id")
        ),
        sa.UniqueConstraint(
            "survey_id", "version", name=op.f("uq_survey_answer_survey_id_version")
        ),
        comment="a version of a facility's answers; only ever added",
    )
    op.create_table(
        "survey_picture",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="of which survey"),
        sa.Column("client_id", sa.Text(), nullable=False, comment="made by the device"),
        sa.Column(
            "about", sa.Text(), nullable=False, comment="field of the form that it was taken for"
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="image/png or image/jpeg"),
        sa.Column("width", sa.BigInteger(), nullable=False, comment="pixels"),
        sa.Column("height", sa.BigInteger(), nullable=False, comment="pixels"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="drawn again, without metadata"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it arrived"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_picture_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_picture")),
        sa.UniqueConstraint(
            "survey_id", "client_id", name=op.f("uq_survey_picture_survey_id_client_id")
        ),
        comment="a photograph that came with answers",
    )
    op.create_table(
        "survey_step",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="of which survey"),
        sa.Column("state", sa.Text(), nullable=False, comment="the state from then on"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="of the answers that it is about; 0 is none",
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why"),
        sa.Column(
            "written",
            sa.JSON(),
            nullable=False,
            comment="what of the answers went into the register",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_step_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_step")),
        comment="what happened to a facility's survey, in order; only ever added",
    )
    op.create_index(op.f("ix_survey_step_survey_id"), "survey_step", ["survey_id"], unique=False)
    op.create_table(
        "survey_call",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="about which survey"),
        sa.Column("called_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="answered, silent or refused"),
        sa.Column(
            "person",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who was reached, or who refuses",
        ),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was answered, or the reason",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "outcome IN ('answered', 'silent', 'refused')", name=op.f("ck_survey_call_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_call_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_call")),
        comment="a telephone call to a facility about its answers; only ever added",
    )
    op.create_index(op.f("ix_survey_call_survey_id"), "survey_call", ["survey_id"], unique=False)
    op.create_table(
        "survey_fact",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="of which survey"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="file (of vonggac survey) or probe (of a camera in the register)",
        ),
        sa.Column(
            "sha256", sa.Text(), nullable=False, comment="of the file, or of the probe's JSON, hex"
        ),
        sa.Column("found", sa.JSON(), nullable=False, comment="what was measured"),
        sa.Column(
            "measured_ns",
            sa.BigInteger(),
            nullable=False,
            comment="when it was measured, as the file says",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it came"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_fact_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_fact")),
        sa.UniqueConstraint("survey_id", "sha256", name=op.f("uq_survey_fact_survey_id_sha256")),
        comment="what was measured, apart from what was typed; only ever added",
    )
    op.create_table(
        "survey_verdict",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("survey_id", sa.Text(), nullable=False, comment="of which survey"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="which facility"),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="of the answers that it is about"
        ),
        sa.Column("qualifies", sa.Boolean(), nullable=False, comment="fit to be connected"),
        sa.Column(
            "found",
            sa.JSON(),
            nullable=False,
            comment="reasons of the facility, verdict and reasons of each camera",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was verified"),
        sa.Column(
            "made_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did; empty: through a link",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_survey_verdict_site_id")),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_survey_verdict_survey_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_verdict")),
        comment="a verified verdict: whether a facility and its cameras can be connected, and why",
    )
    op.create_index(
        op.f("ix_survey_verdict_site_id_made_ns"),
        "survey_verdict",
        ["site_id", "made_ns"],
        unique=False,
    )


def downgrade() -> None:
    """Back to no survey."""
    for table in (
        "survey_verdict", "survey_fact", "survey_call", "survey_step", "survey_picture",
        "survey_answer", "survey_link", "survey", "survey_campaign",
    ):  # fmt: skip
        op.drop_table(table)
