"""Tables of directives (văn bản chỉ đạo): what came, what it orders of whom, what came back.

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


def _day(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.Date, nullable=True, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _of(table: str) -> sa.Column[str]:
    return sa.Column(
        f"{table}_id", sa.Text, sa.ForeignKey(f"{table}.id"), nullable=False, comment="of which"
    )


def _place() -> sa.Column[int]:
    return sa.Column("place", sa.Integer, nullable=False, comment="order on the paper, from 0")


directive = sa.Table(
    "directive",
    metadata,
    _id(),
    _text("code", "of the shipped ones, in the rules; null for those that came", null=True),
    sa.Column(
        "unit_id", sa.Text, sa.ForeignKey("unit.id"), nullable=True,
        comment="whose register it stands in; null is everybody's",
    ),
    _text("number", "number and symbol as they stand on the paper"),
    _text("number_key", "the number as it is matched: CĐ, CV, CD are one, and Đ, D, P are one"),
    _day("dated", "the day on the paper; null cannot be read"),
    _text("issuer", "who issued it"),
    _text("subject", "what it is about"),
    _text("urgency", "KHẨN, THƯỢNG KHẨN, HỎA TỐC, or empty", default=""),
    _text("folded", "number, issuer and subject without marks, for the search"),
    _moment("registered_ns", "when it was entered"),
    _text("registered_by", "name of the account that entered it; empty for the shipped ones"),
    _text("registered_name", "their full name then", default=""),
    sa.UniqueConstraint("code"),
    sa.Index(None, "number_key"),
    comment="directives that came: documents that order something",
)  # fmt: skip

directive_citation = sa.Table(
    "directive_citation",
    metadata,
    _id(),
    _of("directive"),
    _place(),
    _text("said", "the number as the directive has it"),
    _text("number", "the number as the cited document has it"),
    _text("number_key", "as in directive"),
    _day("dated", "the day that is cited; null is none, or cannot be read"),
    _text("issuer", "who issued it", default=""),
    _text("subject", "what it is about", default=""),
    _text("due_said", "the deadline in its words", default=""),
    _day("due", "the last day of it"),
    sa.Index(None, "directive_id", "place"),
    sa.Index(None, "number_key"),
    comment="documents that a directive cites, with the deadlines that it inherits",
)

directive_clause = sa.Table(
    "directive_clause",
    metadata,
    _id(),
    _of("directive"),
    _place(),
    _text("number", "as it stands on the paper"),
    _text("said", "what is ordered"),
    _text("owed", "what is owed back", default=""),
    _text("due_said", "its own deadline in its words", default=""),
    _day("due", "the last day; null is none, or inherited"),
    sa.Column(
        "citation_id", sa.Text, sa.ForeignKey("directive_citation.id"), nullable=True,
        comment="the citation whose deadline it inherits",
    ),
    _moment("assigned_ns", "when it was entered"),
    _text("assigned_by", "name of the account; empty for the shipped ones"),
    sa.Index(None, "directive_id", "place"),
    comment="clauses of directives: who leads, who co-operates, until when, what is owed",
)  # fmt: skip

directive_duty = sa.Table(
    "directive_duty",
    metadata,
    _id(),
    _of("directive_clause"),
    _place(),
    _text("body", "who owes it, by name"),
    _text("part", "lead (chủ trì) or with (phối hợp)"),
    _text("state", "due, received, returned or consolidated", default="due"),
    _text("note", "of the last step", default=""),
    _moment("changed_ns", "when the state last changed", null=True),
    sa.CheckConstraint("part IN ('lead', 'with')", name="part"),
    sa.CheckConstraint(
        "state IN ('due', 'received', 'returned', 'consolidated')", name="state"
    ),
    sa.Index(None, "directive_clause_id", "place"),
    comment="what each body owes for a clause",
)  # fmt: skip

directive_step = sa.Table(
    "directive_step",
    metadata,
    _id(),
    _of("directive_duty"),
    _text("state", "what it became"),
    _text("note", "by which document, or why it went back", default=""),
    _moment("done_ns", "when it was entered"),
    _text("done_by", "name of the account that entered it"),
    _text("done_name", "their full name then", default=""),
    sa.Index(None, "directive_duty_id", "done_ns"),
    comment="what came back and what was sent back; only ever added",
)

directive_file = sa.Table(
    "directive_file",
    metadata,
    _id(),
    _of("directive"),
    _text("kind", "scan or attachment"),
    _text("file_name", "as it was called where it came from"),
    _text("media_type", "what the bytes are"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    _moment("attached_ns", "when it was attached"),
    _text("attached_by", "name of the account that attached it"),
    _text("attached_name", "their full name then", default=""),
    sa.CheckConstraint("kind IN ('scan', 'attachment')", name="kind"),
    sa.Index(None, "directive_id"),
    comment="scans of directives and what came with them",
)

letter_template = sa.Table(
    "letter_template",
    metadata,
    _id(),
    _text("file_name", "as it was called where it came from"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the .docx"),
    _moment("uploaded_ns", "when it came into use"),
    _text("uploaded_by", "name of the account that sent it"),
    _text("uploaded_name", "their full name then", default=""),
    _moment("ended_ns", "when another one, or the shipped one, took its place", null=True),
    _text("ended_by", "name of the account", default=""),
    sa.Index(None, "uploaded_ns"),
    comment="templates of letters in place of the shipped one",
)
