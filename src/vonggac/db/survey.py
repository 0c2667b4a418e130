"""Tables of the survey: campaigns, each facility's survey, links, answers, calls, facts, verdicts.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Counter, Moment, metadata


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Moment, nullable=null, comment=comment)


def _number(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, comment=comment)


def _json(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _of(name: str, target: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=False, comment=comment)


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        _text(f"{verb}_by", "name of the account that did; empty: through a link", default=""),
        _text(f"{verb}_name", "their full name then", default=""),
    ]


survey_campaign = sa.Table(
    "survey_campaign",
    metadata,
    _id(),
    _text("title", "what people call it"),
    sa.Column(
        "directive_id",
        sa.Text,
        sa.ForeignKey("directive.id"),
        nullable=True,
        comment="the order that it carries out",
    ),
    _text("clause", "number of the clause of that order", default=""),
    sa.Column("due", sa.Date, nullable=False, comment="last day of an answer"),
    _text("answers", "who is to answer: facility or surveyor"),
    _text("unit_id", "whose facilities, with those below; null is named ones", null=True),
    _json("lines", "owning lines that are meant; empty is all"),
    _moment("made_ns", "when it was begun"),
    *_by("made"),
    _moment("ended_ns", "when it was ended; null while it lasts", null=True),
    sa.CheckConstraint("answers IN ('facility', 'surveyor')", name="answers"),
    sa.Index(None, "made_ns"),
    comment="a survey of many facilities until a day, by an order",
)

survey = sa.Table(
    "survey",
    metadata,
    _id(),
    _of("survey_campaign_id", "survey_campaign.id", "of which campaign"),
    _of("site_id", "site.id", "which facility"),
    _text("state", "asked, answered, verified, disputed or refused", default="asked"),
    _text("reason", "why it is disputed or refused", default=""),
    _text("person", "who refused, as they named themselves", default=""),
    _moment("changed_ns", "when its state last changed"),
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
    _id(),
    _of("survey_id", "survey.id", "which form it opens"),
    _text("token_hash", "SHA-256 of its secret, hex; the secret is kept nowhere"),
    _moment("ends_ns", "until when it opens anything"),
    _moment("revoked_ns", "when somebody took it back", null=True),
    _moment("used_ns", "when the form was sent through it; only the receipt is left", null=True),
    _moment("made_ns", "when it was made"),
    *_by("made"),
    sa.UniqueConstraint("token_hash"),
    sa.Index(None, "survey_id"),
    comment="an address that opens one facility's form without an account, once",
)

survey_answer = sa.Table(
    "survey_answer",
    metadata,
    _id(),
    _of("survey_id", "survey.id", "of which survey"),
    _number("version", "counts from 1; all are kept"),
    _text("client_id", "made by the device: what was sent twice is kept once"),
    _text("receipt", "the code that whoever sent it reads"),
    _json("said", "the answers, as the form has them"),
    _json("pictures", "device's ids of pictures that belong to it"),
    _text("person", "who answered: name, position, telephone"),
    _text("link_id", "the link that it came through; null: a signed-in person", null=True),
    _moment("sent_ns", "when it arrived"),
    *_by("sent"),
    sa.UniqueConstraint("survey_id", "version"),
    sa.UniqueConstraint("survey_id", "client_id"),
    comment="a version of a facility's answers; only ever added",
)

survey_picture = sa.Table(
    "survey_picture",
    metadata,
    _id(),
    _of("survey_id", "survey.id", "of which survey"),
    _text("client_id", "made by the device"),
    _text("about", "field of the form that it was taken for"),
    _text("media_type", "image/png or image/jpeg"),
    _number("width", "pixels"),
    _number("height", "pixels"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="drawn again, without metadata"),
    _moment("made_ns", "when it arrived"),
    *_by("made"),
    sa.UniqueConstraint("survey_id", "client_id"),
    comment="a photograph that came with answers",
)

survey_step = sa.Table(
    "survey_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    _of("survey_id", "survey.id", "of which survey"),
    _text("state", "the state from then on"),
    _number("version", "of the answers that it is about; 0 is none"),
    _text("reason", "why", default=""),
    _json("written", "what of the answers went into the register"),
    _moment("made_ns", "when"),
    *_by("made"),
    sa.Index(None, "survey_id"),
    comment="what happened to a facility's survey, in order; only ever added",
)

survey_call = sa.Table(
    "survey_call",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    _of("survey_id", "survey.id", "about which survey"),
    _moment("called_ns", "when"),
    _text("outcome", "answered, silent or refused"),
    _text("person", "who was reached, or who refuses", default=""),
    _text("said", "what was answered, or the reason", default=""),
    _moment("made_ns", "when it was entered"),
    *_by("made"),
    sa.CheckConstraint("outcome IN ('answered', 'silent', 'refused')", name="outcome"),
    sa.Index(None, "survey_id"),
    comment="a telephone call to a facility about its answers; only ever added",
)

survey_fact = sa.Table(
    "survey_fact",
    metadata,
    _id(),
    _of("survey_id", "survey.id", "of which survey"),
    _text("kind", "file (of vonggac survey) or probe (of a camera in the register)"),
    _text("sha256", "of the file, or of the probe's JSON, hex"),
    _json("found", "what was measured"),
    _moment("measured_ns", "when it was measured, as the file says"),
    _moment("made_ns", "when it came"),
    *_by("made"),
    sa.UniqueConstraint("survey_id", "sha256"),
    comment="what was measured, apart from what was typed; only ever added",
)

survey_verdict = sa.Table(
    "survey_verdict",
    metadata,
    _id(),
    _of("survey_id", "survey.id", "of which survey"),
    _of("site_id", "site.id", "which facility"),
    _number("version", "of the answers that it is about"),
    sa.Column("qualifies", sa.Boolean, nullable=False, comment="fit to be connected"),
    _json("found", "reasons of the facility, verdict and reasons of each camera"),
    _moment("made_ns", "when it was verified"),
    *_by("made"),
    sa.Index(None, "site_id", "made_ns"),
    comment="a verified verdict: whether a facility and its cameras can be connected, and why",
)
