"""Tables of the guide (hướng dẫn camera): what it replaces, who got it, questions, training.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, moment, text
from vonggac.db.tables import metadata


def _site() -> sa.Column[str]:
    return sa.Column(
        "site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="which facility"
    )


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        text(f"{verb}_by", "name of the account; empty before", default=""),
        text(f"{verb}_name", "their full name then", default=""),
    ]


guide_basis = sa.Table(
    "guide_basis",
    metadata,
    identity(),
    text("code", "of the default, in the rules"),
    text("document", "number, day and issuer of the document that replaces it"),
    sa.Column(
        "directive_id", sa.Text, sa.ForeignKey("directive.id"), nullable=True,
        comment="the document in the register, where its text lies; null is not there",
    ),
    text("page", "page of the document", default=""),
    text("point", "point, item or table of the document", default=""),
    sa.Column(
        "value", sa.BigInteger, nullable=True,
        comment="the number in place of the default; null only says where it stands",
    ),
    text("said", "what the document says, in its words", default=""),
    sa.Column(
        "from_day", sa.Date, nullable=True,
        comment="first day on which it counts; null is the day it was tied",
    ),
    text("listed", "codes in place of the default's list, with commas; empty leaves the list",
         default=""),
    moment("tied_ns", "when it was tied"),
    *_by("tied"),
    moment("ended_ns", "when another one, or the default, took its place", null=True),
    text("ended_by", "name of the account", default=""),
    sa.Index(None, "code"),
    comment="defaults of the software that a document replaces; only ever added and ended",
)  # fmt: skip

guide_sent = sa.Table(
    "guide_sent",
    metadata,
    identity(),
    _site(),
    text("what", "guide, or the role whose card it is"),
    text("sha256", "of the bytes that were sent, hex"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the PDF that was sent"),
    moment("sent_ns", "when it was sent"),
    *_by("sent"),
    moment("received_ns", "when somebody of the facility said that it is there", null=True),
    *_by("received"),
    sa.Index(None, "site_id", "sent_ns"),
    comment="guides and cards that were sent to a facility, with receipt",
)

guide_question = sa.Table(
    "guide_question",
    metadata,
    identity(),
    _site(),
    text("asked", "the question"),
    moment("asked_ns", "when it was asked"),
    *_by("asked"),
    text("answer", "the answer; empty before", default=""),
    moment("answered_ns", "when it was answered", null=True),
    *_by("answered"),
    sa.Index(None, "site_id", "asked_ns"),
    comment="questions of facilities on the guide, with answers",
)

training = sa.Table(
    "training",
    metadata,
    identity(),
    sa.Column(
        "unit_id", sa.Text, sa.ForeignKey("unit.id"), nullable=True,
        comment="whose facilities learned; null is all of them",
    ),
    text("title", "what was taught"),
    text("for_whom", "for whom: bodies, facilities, duties; no names"),
    sa.Column("held_day", sa.Date, nullable=False, comment="the day"),
    sa.Column("people", sa.Integer, nullable=False, comment="how many took part"),
    moment("made_ns", "when it was entered"),
    *_by("made"),
    sa.CheckConstraint("people > 0", name="people"),
    sa.Index(None, "held_day"),
    comment="training on the guide: when, for whom, how many",
)  # fmt: skip
