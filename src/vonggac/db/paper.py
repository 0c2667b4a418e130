"""Tables of papers and reports: what was drafted, issued, sent and answered, and what was counted.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, number, reference, text
from vonggac.db.tables import metadata


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        text(f"{verb}_by", "name of the account that did; empty before", default=""),
        text(f"{verb}_name", "their full name then", default=""),
    ]


paper = sa.Table(
    "paper",
    metadata,
    identity(),
    text("about", "what it was drafted from, as subject:id"),
    text("kind", "code of the kind of document"),
    reference("site_id", "site.id", "the facility that it is about; null is none", null=True),
    reference("unit_id", "unit.id", "whose paper it is; null is the hub's", null=True),
    reference("directive_id", "directive.id", "the directive that it carries out", null=True),
    text("subject", "what it is about, as its letter says"),
    text("issuer", "who issues it, as its letter says"),
    text("folded", "number, issuer and subject without marks, for the search"),
    sa.Column("letter", sa.JSON, nullable=False, comment="the whole document, to be set again"),
    text("state", "draft, issued or withdrawn", default="draft"),
    text("number", "given by the records clerk; empty before", default=""),
    day("dated", "its day; null before", null=True),
    moment("drafted_ns", "when it was drafted"),
    *_by("drafted"),
    moment("issued_ns", "when the signed paper was entered; null before", null=True),
    *_by("issued"),
    moment("withdrawn_ns", "when it was withdrawn; null unless it was", null=True),
    *_by("withdrawn"),
    text("withdrawn_why", "the reason", default=""),
    sa.CheckConstraint("state IN ('draft', 'issued', 'withdrawn')", name="state"),
    sa.Index(None, "about"),
    sa.Index(None, "site_id"),
    sa.Index(None, "unit_id"),
    sa.Index(None, "drafted_ns"),
    comment="documents that the program drafted, and what became of them",
)

paper_file = sa.Table(
    "paper_file",
    metadata,
    identity(),
    reference("paper_id", "paper.id", "of which paper"),
    text("file_name", "as it was called where it came from"),
    number("size", "bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the signed PDF"),
    moment("attached_ns", "when"),
    *_by("attached"),
    sa.UniqueConstraint("paper_id"),
    comment="the signed paper as it came back",
)

paper_recipient = sa.Table(
    "paper_recipient",
    metadata,
    identity(),
    reference("paper_id", "paper.id", "of which paper"),
    number("at", "place in the list, from 1"),
    text("name", "to whom"),
    day("sent", "the day it was sent; null before", null=True),
    text("way", "how it was sent", default=""),
    day("delivered", "the day it arrived; null before", null=True),
    day("answered", "the day of the answer; null before", null=True),
    text("answer", "number of the answer", default=""),
    sa.UniqueConstraint("paper_id", "at"),
    comment="to whom a paper goes, whether it arrived and was answered",
)

paper_agreement = sa.Table(
    "paper_agreement",
    metadata,
    identity(),
    reference("paper_id", "paper.id", "to which paper"),
    text("note", "what the person said", default=""),
    moment("made_ns", "when"),
    *_by("made"),
    sa.Index(None, "paper_id"),
    comment="that a person agreed to a draft in the system; it is not the legal signature",
)

report = sa.Table(
    "report",
    metadata,
    identity(),
    reference("unit_id", "unit.id", "of which unit; null is the whole hub", null=True),
    text("kind", "daily or periodic"),
    day("from_date", "first day"),
    day("to_date", "last day, which counts"),
    sa.Column("data", sa.JSON, nullable=False, comment="figures with the rows that they count"),
    text("sha256", "of the data as it is written for the hash, hex"),
    reference(
        "paper_id", "paper.id", "the letter that carries it; null for a daily page", null=True
    ),
    moment("made_ns", "when it was counted"),
    *_by("made"),
    sa.CheckConstraint("kind IN ('daily', 'periodic')", name="kind"),
    sa.Index(None, "unit_id", "made_ns"),
    comment="reports with the data that they were made from; only ever added",
)

report_schedule = sa.Table(
    "report_schedule",
    metadata,
    identity(),
    reference("unit_id", "unit.id", "of which unit; null is the whole hub", null=True),
    text("rhythm", "daily, weekly or monthly"),
    number("minute", "minute of the day at which it is made"),
    text("endings", "docx, pdf, xlsx, with commas"),
    text("mail", "addresses, with commas; empty sends none", default=""),
    sa.Column("folder", sa.Boolean, nullable=False, comment="whether files are laid down"),
    day("done_for", "the last day that it was made for; null before", null=True),
    moment("made_ns", "when it was ordered"),
    sa.Column("account_id", sa.Text, nullable=False, comment="on whose rights it is made"),
    *_by("made"),
    moment("ended_ns", "when it was ended; null while it stands", null=True),
    *_by("ended"),
    sa.CheckConstraint("rhythm IN ('daily', 'weekly', 'monthly')", name="rhythm"),
    comment="reports that are made and sent by the clock",
)

report_delivery = sa.Table(
    "report_delivery",
    metadata,
    identity(),
    reference("schedule_id", "report_schedule.id", "of which schedule"),
    reference("report_id", "report.id", "what is delivered"),
    text("way", "file or mail"),
    text("target", "the file's path below the folder, or the address"),
    text("state", "waiting, done or failed"),
    number("tries", "how often it was tried"),
    moment("next_ns", "when it is tried next; null when it is over", null=True),
    text("fault", "what went wrong last", default=""),
    moment("made_ns", "when it was due"),
    moment("done_ns", "when it succeeded; null before", null=True),
    sa.CheckConstraint("way IN ('file', 'mail')", name="way"),
    sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
    sa.Index(None, "state", "next_ns"),
    sa.Index(None, "schedule_id", "made_ns"),
    comment="files and mails that carried a report, with what went wrong",
)
