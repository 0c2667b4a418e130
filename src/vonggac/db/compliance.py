"""Tables towards the public and the law: notices, requests, incidents, texts of the law.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, moment, text
from vonggac.db.tables import metadata


def _site() -> sa.Column[str]:
    return sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where")


notice = sa.Table(
    "notice",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="of whom"),
    text("public_id", "opaque name of the public page; printed on the sign, never changed"),
    text("operator", "who answers for the cameras"),
    text("contact", "where people who are filmed may ask"),
    text("purpose", "why is filmed, in Vietnamese"),
    text("purpose_en", "why is filmed, in English", default=""),
    moment("updated_ns", "when it was last edited"),
    text("updated_by", "name of the account that edited it"),
    sa.UniqueConstraint("public_id"),
    comment="what the notice sign and the public page of a site say",
)

person_request = sa.Table(
    "person_request",
    metadata,
    identity(),
    _site(),
    text("kind", "access, copy, deletion, objection or complaint"),
    text("said", "what is asked for, in the words of who asks"),
    text("contact", "where the answer goes, if they said; gone when it is over", default=""),
    text("came", "form for the public page, staff for what was entered from paper"),
    text("receipt", "SHA-256 of the receipt code, hex; the code itself is kept by who asked"),
    text("entered_by", "name of the account that entered it; empty for the form", default=""),
    moment("received_ns", "when it came"),
    moment("acknowledge_by_ns", "end of the days in which the law wants a first answer"),
    moment("due_ns", "end of the days in which the law wants it done"),
    text("state", "received, acknowledged, answered or refused", default="received"),
    moment("acknowledged_ns", "when somebody took it up", null=True),
    text("acknowledged_by", "name of their account", default=""),
    moment("answered_ns", "when it was answered or refused", null=True),
    text("answered_by", "name of the account that answered", default=""),
    text("answer", "what was answered; who holds the receipt reads it", default=""),
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
    identity(),
    _site(),
    text("kind", "personal_data or security"),
    sa.Column("serious", sa.Boolean, nullable=False, comment="whether the shorter clock runs too"),
    text("title", "what happened, in a line"),
    text("said", "what is known of it"),
    text("affected", "which data and how many people, as far as known", default=""),
    moment("found_ns", "when it was found; the clocks run from here"),
    moment("opened_ns", "when the record was opened"),
    text("opened_by", "name of the account that opened it"),
    moment("closed_ns", "when the record was closed", null=True),
    text("closed_by", "name of the account that closed it", default=""),
    sa.CheckConstraint("kind IN ('personal_data', 'security')", name="kind"),
    sa.Index(None, "site_id", "found_ns"),
    comment="records of incidents of personal data and of security",
)

incident_step = sa.Table(
    "incident_step",
    metadata,
    identity(),
    sa.Column(
        "incident_id", sa.Text, sa.ForeignKey("incident.id"), nullable=False, comment="of which"
    ),
    text("kind", "the clock that it stops, or contained, subjects_told, note, closed"),
    text("said", "what was done"),
    moment("done_ns", "when it was done"),
    moment("entered_ns", "when it was entered"),
    text("entered_by", "name of the account that entered it"),
    text("entered_name", "their full name then", default=""),
    sa.Index(None, "incident_id", "done_ns"),
    comment="what was done about an incident; only ever added",
)

legal_text = sa.Table(
    "legal_text",
    metadata,
    identity(),
    text("basis", "code of a legal basis of the rules"),
    text("file_name", "as it was called where it came from"),
    text("media_type", "application/pdf or text/plain"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    text("note", "where it was taken from", default=""),
    moment("attached_ns", "when it was attached"),
    text("attached_by", "name of the account that attached it"),
    text("attached_name", "their full name then", default=""),
    moment("removed_ns", "when it was found to be the wrong text", null=True),
    text("removed_by", "name of the account that took it away", default=""),
    text("removed_reason", "why", default=""),
    sa.Index(None, "basis"),
    comment="texts of the law that somebody compared and attached",
)
