"""Tables of the guide (hướng dẫn camera): what it replaces, who got it, questions, training.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Moment, metadata


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Moment, nullable=null, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _site() -> sa.Column[str]:
    return sa.Column(
        "site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="which facility"
    )


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        _text(f"{verb}_by", "name of the account; empty before", default=""),
        _text(f"{verb}_name", "their full name then", default=""),
    ]


guide_basis = sa.Table(
    "guide_basis",
    metadata,
    _id(),
    _text("code", "of the default, in the rules"),
    _text("document", "number, day and issuer of the document that replaces it"),
    sa.Column(
        "directive_id", sa.Text, sa.ForeignKey("directive.id"), nullable=True,
        comment="the document in the register, where its text lies; null is not there",
    ),
    _text("page", "page of the document", default=""),
    _text("point", "point, item or table of the document", default=""),
    sa.Column(
        "value", sa.BigInteger, nullable=True,
        comment="the number in place of the default; null only says where it stands",
    ),
    _text("said", "what the document says, in its words", default=""),
    _moment("tied_ns", "when it was tied"),
    *_by("tied"),
    _moment("ended_ns", "when another one, or the default, took its place", null=True),
    _text("ended_by", "name of the account", default=""),
    sa.Index(None, "code"),
    comment="defaults of the software that a document replaces; only ever added and ended",
)  # fmt: skip

guide_sent = sa.Table(
    "guide_sent",
    metadata,
    _id(),
    _site(),
    _text("what", "guide, or the role whose card it is"),
    _text("sha256", "of the bytes that were sent, hex"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the PDF that was sent"),
    _moment("sent_ns", "when it was sent"),
    *_by("sent"),
    _moment("received_ns", "when somebody of the facility said that it is there", null=True),
    *_by("received"),
    sa.Index(None, "site_id", "sent_ns"),
    comment="guides and cards that were sent to a facility, with receipt",
)

guide_question = sa.Table(
    "guide_question",
    metadata,
    _id(),
    _site(),
    _text("asked", "the question"),
    _moment("asked_ns", "when it was asked"),
    *_by("asked"),
    _text("answer", "the answer; empty before", default=""),
    _moment("answered_ns", "when it was answered", null=True),
    *_by("answered"),
    sa.Index(None, "site_id", "asked_ns"),
    comment="questions of facilities on the guide, with answers",
)

training = sa.Table(
    "training",
    metadata,
    _id(),
    sa.Column(
        "unit_id", sa.Text, sa.ForeignKey("unit.id"), nullable=True,
        comment="whose facilities learned; null is all of them",
    ),
    _text("title", "what was taught"),
    _text("for_whom", "for whom: bodies, facilities, duties; no names"),
    sa.Column("held_day", sa.Date, nullable=False, comment="the day"),
    sa.Column("people", sa.Integer, nullable=False, comment="how many took part"),
    _moment("made_ns", "when it was entered"),
    *_by("made"),
    sa.CheckConstraint("people > 0", name="people"),
    sa.Index(None, "held_day"),
    comment="training on the guide: when, for whom, how many",
)  # fmt: skip
