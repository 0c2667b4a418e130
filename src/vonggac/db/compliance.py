"""Tables towards the public and the law: notices, requests, incidents, texts of the law.

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
    return sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where")


notice = sa.Table(
    "notice",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="of whom"),
    _text("public_id", "opaque name of the public page; printed on the sign, never changed"),
    _text("operator", "who answers for the cameras"),
    _text("contact", "where people who are filmed may ask"),
    _text("purpose", "why is filmed, in Vietnamese"),
    _text("purpose_en", "why is filmed, in English", default=""),
    _moment("updated_ns", "when it was last edited"),
    _text("updated_by", "name of the account that edited it"),
    sa.UniqueConstraint("public_id"),
    comment="what the notice sign and the public page of a site say",
)

person_request = sa.Table(
    "person_request",
    metadata,
    _id(),
    _site(),
    _text("kind", "access, copy, deletion, objection or complaint"),
    _text("said", "what is asked for, in the words of who asks"),
    _text("contact", "where the answer goes, if they said; gone when it is over", default=""),
    _text("came", "form for the public page, staff for what was entered from paper"),
    _text("receipt", "SHA-256 of the receipt code, hex; the code itself is kept by who asked"),
    _text("entered_by", "name of the account that entered it; empty for the form", default=""),
    _moment("received_ns", "when it came"),
    _moment("acknowledge_by_ns", "end of the days in which the law wants a first answer"),
    _moment("due_ns", "end of the days in which the law wants it done"),
    _text("state", "received, acknowledged, answered or refused", default="received"),
    _moment("acknowledged_ns", "when somebody took it up", null=True),
    _text("acknowledged_by", "name of their account", default=""),
    _moment("answered_ns", "when it was answered or refused", null=True),
    _text("answered_by", "name of the account that answered", default=""),
    _text("answer", "what was answered; who holds the receipt reads it", default=""),
    sa.UniqueConstraint("receipt"),
    sa.CheckConstraint(
        "state IN ('received', 'acknowledged', 'answered', 'refused')", name="state"
    ),
    sa.CheckConstraint("came IN ('form', 'staff')", name="came"),
    sa.Index(None, "site_id", "received_ns"),
    comment="requests of people who were filmed, with the days in which they are answered",
)

incident = sa.Table(
    "incident",
    metadata,
    _id(),
    _site(),
    _text("kind", "personal_data or security"),
    sa.Column("serious", sa.Boolean, nullable=False, comment="whether the shorter clock runs too"),
    _text("title", "what happened, in a line"),
    _text("said", "what is known of it"),
    _text("affected", "which data and how many people, as far as known", default=""),
    _moment("found_ns", "when it was found; the clocks run from here"),
    _moment("opened_ns", "when the record was opened"),
    _text("opened_by", "name of the account that opened it"),
    _moment("closed_ns", "when the record was closed", null=True),
    _text("closed_by", "name of the account that closed it", default=""),
    sa.CheckConstraint("kind IN ('personal_data', 'security')", name="kind"),
    sa.Index(None, "site_id", "found_ns"),
    comment="records of incidents of personal data and of security",
)

incident_step = sa.Table(
    "incident_step",
    metadata,
    _id(),
    sa.Column(
        "incident_id", sa.Text, sa.ForeignKey("incident.id"), nullable=False, comment="of which"
    ),
    _text("kind", "the clock that it stops, or contained, subjects_told, note, closed"),
    _text("said", "what was done"),
    _moment("done_ns", "when it was done"),
    _moment("entered_ns", "when it was entered"),
    _text("entered_by", "name of the account that entered it"),
    _text("entered_name", "their full name then", default=""),
    sa.Index(None, "incident_id", "done_ns"),
    comment="what was done about an incident; only ever added",
)

legal_text = sa.Table(
    "legal_text",
    metadata,
    _id(),
    _text("basis", "code of a legal basis of the rules"),
    _text("file_name", "as it was called where it came from"),
    _text("media_type", "application/pdf or text/plain"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    _text("note", "where it was taken from", default=""),
    _moment("attached_ns", "when it was attached"),
    _text("attached_by", "name of the account that attached it"),
    _text("attached_name", "their full name then", default=""),
    _moment("removed_ns", "when it was found to be the wrong text", null=True),
    _text("removed_by", "name of the account that took it away", default=""),
    _text("removed_reason", "why", default=""),
    sa.Index(None, "basis"),
    comment="texts of the law that somebody compared and attached",
)
