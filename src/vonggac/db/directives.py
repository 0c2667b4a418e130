"""Tables of directives (văn bản chỉ đạo): what came, what it orders of whom, what came back.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, text
from vonggac.db.tables import metadata


def _of(table: str) -> sa.Column[str]:
    return sa.Column(
        f"{table}_id", sa.Text, sa.ForeignKey(f"{table}.id"), nullable=False, comment="of which"
    )


def _place() -> sa.Column[int]:
    return sa.Column("place", sa.Integer, nullable=False, comment="order on the paper, from 0")


directive = sa.Table(
    "directive",
    metadata,
    identity(),
    text("code", "of the shipped ones, in the rules; null for those that came", null=True),
    sa.Column(
        "unit_id", sa.Text, sa.ForeignKey("unit.id"), nullable=True,
        comment="whose register it stands in; null is everybody's",
    ),
    text("number", "number and symbol as they stand on the paper"),
    text("number_key", "the number as it is matched: CĐ, CV, CD are one, and Đ, D, P are one"),
    day("dated", "the day on the paper; null cannot be read", null=True),
    text("issuer", "who issued it"),
    text("subject", "what it is about"),
    text("urgency", "KHẨN, THƯỢNG KHẨN, HỎA TỐC, or empty", default=""),
    text("folded", "number, issuer and subject without marks, for the search"),
    moment("registered_ns", "when it was entered"),
    text("registered_by", "name of the account that entered it; empty for the shipped ones"),
    text("registered_name", "their full name then", default=""),
    sa.UniqueConstraint("code"),
    sa.Index(None, "number_key"),
    comment="directives that came: documents that order something",
)  # fmt: skip

directive_citation = sa.Table(
    "directive_citation",
    metadata,
    identity(),
    _of("directive"),
    _place(),
    text("said", "the number as the directive has it"),
    text("number", "the number as the cited document has it"),
    text("number_key", "as in directive"),
    day("dated", "the day that is cited; null is none, or cannot be read", null=True),
    text("issuer", "who issued it", default=""),
    text("subject", "what it is about", default=""),
    text("due_said", "the deadline in its words", default=""),
    day("due", "the last day of it", null=True),
    sa.Index(None, "directive_id", "place"),
    sa.Index(None, "number_key"),
    comment="documents that a directive cites, with the deadlines that it inherits",
)

directive_clause = sa.Table(
    "directive_clause",
    metadata,
    identity(),
    _of("directive"),
    _place(),
    text("number", "as it stands on the paper"),
    text("said", "what is ordered"),
    text("owed", "what is owed back", default=""),
    text("due_said", "its own deadline in its words", default=""),
    day("due", "the last day; null is none, or inherited", null=True),
    sa.Column(
        "citation_id", sa.Text, sa.ForeignKey("directive_citation.id"), nullable=True,
        comment="the citation whose deadline it inherits",
    ),
    moment("assigned_ns", "when it was entered"),
    text("assigned_by", "name of the account; empty for the shipped ones"),
    sa.Index(None, "directive_id", "place"),
    comment="clauses of directives: who leads, who co-operates, until when, what is owed",
)  # fmt: skip

directive_duty = sa.Table(
    "directive_duty",
    metadata,
    identity(),
    _of("directive_clause"),
    _place(),
    text("body", "who owes it, by name"),
    text("part", "lead (chủ trì) or with (phối hợp)"),
    text("state", "due, received, returned or consolidated", default="due"),
    text("note", "of the last step", default=""),
    moment("changed_ns", "when the state last changed", null=True),
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
    identity(),
    _of("directive_duty"),
    text("state", "what it became"),
    text("note", "by which document, or why it went back", default=""),
    moment("done_ns", "when it was entered"),
    text("done_by", "name of the account that entered it"),
    text("done_name", "their full name then", default=""),
    sa.Index(None, "directive_duty_id", "done_ns"),
    comment="what came back and what was sent back; only ever added",
)

directive_file = sa.Table(
    "directive_file",
    metadata,
    identity(),
    _of("directive"),
    text("kind", "scan or attachment"),
    text("file_name", "as it was called where it came from"),
    text("media_type", "what the bytes are"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    moment("attached_ns", "when it was attached"),
    text("attached_by", "name of the account that attached it"),
    text("attached_name", "their full name then", default=""),
    sa.CheckConstraint("kind IN ('scan', 'attachment')", name="kind"),
    sa.Index(None, "directive_id"),
    comment="scans of directives and what came with them",
)

letter_template = sa.Table(
    "letter_template",
    metadata,
    identity(),
    text("file_name", "as it was called where it came from"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the .docx"),
    moment("uploaded_ns", "when it came into use"),
    text("uploaded_by", "name of the account that sent it"),
    text("uploaded_name", "their full name then", default=""),
    moment("ended_ns", "when another one, or the shipped one, took its place", null=True),
    text("ended_by", "name of the account", default=""),
    sa.Index(None, "uploaded_ns"),
    comment="templates of letters in place of the shipped one",
)
