"""Tables of the survey: campaigns, each facility's survey, links, answers, calls, facts, verdicts.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, json, moment, number, reference, text
from vonggac.db.tables import Counter, metadata


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        text(f"{verb}_by", "name of the account that did; empty: through a link", default=""),
        text(f"{verb}_name", "their full name then", default=""),
    ]


survey_campaign = sa.Table(
    "survey_campaign",
    metadata,
    identity(),
    text("title", "what people call it"),
    sa.Column(
        "directive_id",
        sa.Text,
        sa.ForeignKey("directive.id"),
        nullable=True,
        comment="the order that it carries out",
    ),
    text("clause", "number of the clause of that order", default=""),
    sa.Column("due", sa.Date, nullable=False, comment="last day of an answer"),
    text("answers", "who is to answer: facility or surveyor"),
    text("unit_id", "whose facilities, with those below; null is named ones", null=True),
    json("lines", "owning lines that are meant; empty is all"),
    moment("made_ns", "when it was begun"),
    *_by("made"),
    moment("ended_ns", "when it was ended; null while it lasts", null=True),
    sa.CheckConstraint("answers IN ('facility', 'surveyor')", name="answers"),
    sa.Index(None, "made_ns"),
    comment="a survey of many facilities until a day, by an order",
)

survey = sa.Table(
    "survey",
    metadata,
    identity(),
    reference("survey_campaign_id", "survey_campaign.id", "of which campaign"),
    reference("site_id", "site.id", "which facility"),
    text("state", "asked, answered, verified, disputed or refused", default="asked"),
    text("reason", "why it is disputed or refused", default=""),
    text("person", "who refused, as they named themselves", default=""),
    moment("changed_ns", "when its state last changed"),
    sa.CheckConstraint(
        "state IN ('asked', 'answered', 'verified', 'disputed', 'refused')", name="state"
    ),
    sa.UniqueConstraint("survey_campaign_id", "site_id"),
    sa.Index(None, "site_id"),
    comment="what one facility is asked in a campaign, and how far it is",
)

survey_link = sa.Table(
    "survey_link",
    metadata,
    identity(),
    reference("survey_id", "survey.id", "which form it opens"),
    text("token_hash", "SHA-256 of its secret, hex; the secret is kept nowhere"),
    moment("ends_ns", "until when it opens anything"),
    moment("revoked_ns", "when somebody took it back", null=True),
    moment("used_ns", "when the form was sent through it; only the receipt is left", null=True),
    moment("made_ns", "when it was made"),
    *_by("made"),
    sa.UniqueConstraint("token_hash"),
    sa.Index(None, "survey_id"),
    comment="an address that opens one facility's form without an account, once",
)

survey_answer = sa.Table(
    "survey_answer",
    metadata,
    identity(),
    reference("survey_id", "survey.id", "of which survey"),
    number("version", "counts from 1; all are kept"),
    text("client_id", "made by the device: what was sent twice is kept once"),
    text("receipt", "the code that whoever sent it reads"),
    json("said", "the answers, as the form has them"),
    json("pictures", "device's ids of pictures that belong to it"),
    text("person", "who answered: name, position, telephone"),
    text("link_id", "the link that it came through; null: a signed-in person", null=True),
    moment("sent_ns", "when it arrived"),
    *_by("sent"),
    sa.UniqueConstraint("survey_id", "version"),
    sa.UniqueConstraint("survey_id", "client_id"),
    comment="a version of a facility's answers; only ever added",
)

survey_picture = sa.Table(
    "survey_picture",
    metadata,
    identity(),
    reference("survey_id", "survey.id", "of which survey"),
    text("client_id", "made by the device"),
    text("about", "field of the form that it was taken for"),
    text("media_type", "image/png, image/jpeg or image/webp"),
    number("width", "pixels"),
    number("height", "pixels"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="drawn again, without metadata"),
    moment("made_ns", "when it arrived"),
    *_by("made"),
    sa.UniqueConstraint("survey_id", "client_id"),
    comment="a photograph that came with answers",
)

survey_step = sa.Table(
    "survey_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("survey_id", "survey.id", "of which survey"),
    text("state", "the state from then on"),
    number("version", "of the answers that it is about; 0 is none"),
    text("reason", "why", default=""),
    json("written", "what of the answers went into the register"),
    moment("made_ns", "when"),
    *_by("made"),
    sa.Index(None, "survey_id"),
    comment="what happened to a facility's survey, in order; only ever added",
)

survey_call = sa.Table(
    "survey_call",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("survey_id", "survey.id", "about which survey"),
    moment("called_ns", "when"),
    text("outcome", "answered, silent or refused"),
    text("person", "who was reached, or who refuses", default=""),
    text("said", "what was answered, or the reason", default=""),
    moment("made_ns", "when it was entered"),
    *_by("made"),
    sa.CheckConstraint("outcome IN ('answered', 'silent', 'refused')", name="outcome"),
    sa.Index(None, "survey_id"),
    comment="a telephone call to a facility about its answers; only ever added",
)

survey_fact = sa.Table(
    "survey_fact",
    metadata,
    identity(),
    reference("survey_id", "survey.id", "of which survey"),
    text("kind", "file (of vonggac survey) or probe (of a camera in the register)"),
    text("sha256", "of the file, or of the probe's JSON, hex"),
    json("found", "what was measured"),
    moment("measured_ns", "when it was measured, as the file says"),
    moment("made_ns", "when it came"),
    *_by("made"),
    sa.UniqueConstraint("survey_id", "sha256"),
    comment="what was measured, apart from what was typed; only ever added",
)

survey_verdict = sa.Table(
    "survey_verdict",
    metadata,
    identity(),
    reference("survey_id", "survey.id", "of which survey"),
    reference("site_id", "site.id", "which facility"),
    number("version", "of the answers that it is about"),
    sa.Column("qualifies", sa.Boolean, nullable=False, comment="fit to be connected"),
    json("found", "reasons of the facility, verdict and reasons of each camera"),
    moment("made_ns", "when it was verified"),
    *_by("made"),
    sa.Index(None, "site_id", "made_ns"),
    comment="a verified verdict: whether a facility and its cameras can be connected, and why",
)
