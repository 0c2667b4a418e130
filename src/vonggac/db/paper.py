"""Tables of papers and reports: what was drafted, issued, sent and answered, and what was counted.

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


def _number(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def _day(name: str, comment: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date, nullable=null, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _of(name: str, target: str, comment: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=null, comment=comment)


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        _text(f"{verb}_by", "name of the account that did; empty before", default=""),
        _text(f"{verb}_name", "their full name then", default=""),
    ]


paper = sa.Table(
    "paper",
    metadata,
    _id(),
    _text("about", "what it was drafted from, as subject:id"),
    _text("kind", "code of the kind of document"),
    _of("site_id", "site.id", "the facility that it is about; null is none", null=True),
    _of("unit_id", "unit.id", "whose paper it is; null is the hub's", null=True),
    _of("directive_id", "directive.id", "the directive that it carries out", null=True),
    _text("subject", "what it is about, as its letter says"),
    _text("issuer", "who issues it, as its letter says"),
    _text("folded", "number, issuer and subject without marks, for the search"),
    sa.Column("letter", sa.JSON, nullable=False, comment="the whole document, to be set again"),
    _text("state", "draft, issued or withdrawn", default="draft"),
    _text("number", "given by the records clerk; empty before", default=""),
    _day("dated", "its day; null before", null=True),
    _moment("drafted_ns", "when it was drafted"),
    *_by("drafted"),
    _moment("issued_ns", "when the signed paper was entered; null before", null=True),
    *_by("issued"),
    _moment("withdrawn_ns", "when it was withdrawn; null unless it was", null=True),
    *_by("withdrawn"),
    _text("withdrawn_why", "the reason", default=""),
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
    _id(),
    _of("paper_id", "paper.id", "of which paper"),
    _text("file_name", "as it was called where it came from"),
    _number("size", "bytes"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the signed PDF"),
    _moment("attached_ns", "when"),
    *_by("attached"),
    sa.UniqueConstraint("paper_id"),
    comment="the signed paper as it came back",
)

paper_recipient = sa.Table(
    "paper_recipient",
    metadata,
    _id(),
    _of("paper_id", "paper.id", "of which paper"),
    _number("at", "place in the list, from 1"),
    _text("name", "to whom"),
    _day("sent", "the day it was sent; null before", null=True),
    _text("way", "how it was sent", default=""),
    _day("delivered", "the day it arrived; null before", null=True),
    _day("answered", "the day of the answer; null before", null=True),
    _text("answer", "number of the answer", default=""),
    sa.UniqueConstraint("paper_id", "at"),
    comment="to whom a paper goes, whether it arrived and was answered",
)

paper_agreement = sa.Table(
    "paper_agreement",
    metadata,
    _id(),
    _of("paper_id", "paper.id", "to which paper"),
    _text("note", "what the person said", default=""),
    _moment("made_ns", "when"),
    *_by("made"),
    sa.Index(None, "paper_id"),
    comment="that a person agreed to a draft in the system; it is not the legal signature",
)

report = sa.Table(
    "report",
    metadata,
    _id(),
    _of("unit_id", "unit.id", "of which unit; null is the whole hub", null=True),
    _text("kind", "daily or periodic"),
    _day("from_date", "first day"),
    _day("to_date", "last day, which counts"),
    sa.Column("data", sa.JSON, nullable=False, comment="figures with the rows that they count"),
    _text("sha256", "of the data as it is written for the hash, hex"),
    _of("paper_id", "paper.id", "the letter that carries it; null for a daily page", null=True),
    _moment("made_ns", "when it was counted"),
    *_by("made"),
    sa.CheckConstraint("kind IN ('daily', 'periodic')", name="kind"),
    sa.Index(None, "unit_id", "made_ns"),
    comment="reports with the data that they were made from; only ever added",
)

report_schedule = sa.Table(
    "report_schedule",
    metadata,
    _id(),
    _of("unit_id", "unit.id", "of which unit; null is the whole hub", null=True),
    _text("rhythm", "daily, weekly or monthly"),
    _number("minute", "minute of the day at which it is made"),
    _text("endings", "docx, pdf, xlsx, with commas"),
    _text("mail", "addresses, with commas; empty sends none", default=""),
    sa.Column("folder", sa.Boolean, nullable=False, comment="whether files are laid down"),
    _day("done_for", "the last day that it was made for; null before", null=True),
    _moment("made_ns", "when it was ordered"),
    sa.Column("account_id", sa.Text, nullable=False, comment="on whose rights it is made"),
    *_by("made"),
    _moment("ended_ns", "when it was ended; null while it stands", null=True),
    *_by("ended"),
    sa.CheckConstraint("rhythm IN ('daily', 'weekly', 'monthly')", name="rhythm"),
    comment="reports that are made and sent by the clock",
)

report_delivery = sa.Table(
    "report_delivery",
    metadata,
    _id(),
    _of("schedule_id", "report_schedule.id", "of which schedule"),
    _of("report_id", "report.id", "what is delivered"),
    _text("way", "file or mail"),
    _text("target", "the file's path below the folder, or the address"),
    _text("state", "waiting, done or failed"),
    _number("tries", "how often it was tried"),
    _moment("next_ns", "when it is tried next; null when it is over", null=True),
    _text("fault", "what went wrong last", default=""),
    _moment("made_ns", "when it was due"),
    _moment("done_ns", "when it succeeded; null before", null=True),
    sa.CheckConstraint("way IN ('file', 'mail')", name="way"),
    sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
    sa.Index(None, "state", "next_ns"),
    sa.Index(None, "schedule_id", "made_ns"),
    comment="files and mails that carried a report, with what went wrong",
)
