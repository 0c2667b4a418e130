"""Tables from a gap to a paid bill: connection plans, prices, estimates and their steps.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.  Money is
whole đồng; percentages are hundredths of a per cent.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, moment, number, reference, text
from vonggac.db.tables import Counter, metadata


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        text(f"{verb}_by", "name of the account that did"),
        text(f"{verb}_name", "their full name then", default=""),
    ]


connection_plan = sa.Table(
    "connection_plan",
    metadata,
    identity(),
    reference("site_id", "site.id", "where"),
    text("how", "buy or lease"),
    number("months", "months that lines and leases are reckoned for"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what the program found that day"),
    moment("made_ns", "when it was made"),
    *_by("made"),
    moment("agreed_ns", "when the last party agreed; null before", null=True),
    sa.CheckConstraint("how IN ('buy', 'lease')", name="how"),
    sa.Index(None, "site_id", "made_ns"),
    comment="how a facility is to be connected, with its bill of quantities",
)

plan_line = sa.Table(
    "plan_line",
    metadata,
    identity(),
    reference("connection_plan_id", "connection_plan.id", "of which plan"),
    number("at", "place in the bill, from 1"),
    text("kind", "what it is, as the rules call it; other for what a person added"),
    text("zone", "code of the placement rule that it serves; empty for the whole", default=""),
    text("title", "what a person calls it; empty for what the rules say", default=""),
    text("unit", "unit of measure, of a line that a person added", default=""),
    number("quantity", "how many; 0 is a line that was struck out"),
    number("computed", "how many the program reckoned", null=True),
    sa.Column("basis", sa.JSON, nullable=False, comment="from what the program reckoned it"),
    sa.CheckConstraint("quantity >= 0", name="quantity"),
    sa.UniqueConstraint("connection_plan_id", "at"),
    comment="a line of the bill of quantities of a plan",
)

plan_edit = sa.Table(
    "plan_edit",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("connection_plan_id", "connection_plan.id", "of which plan"),
    text("line_id", "of which line"),
    text("title", "what the line was called then"),
    number("before", "quantity before; null for a line that was added", null=True),
    number("after", "quantity after"),
    text("why", "the reason that the person gave"),
    moment("made_ns", "when"),
    *_by("made"),
    sa.Index(None, "connection_plan_id"),
    comment="what people changed in a bill of quantities; only ever added",
)

plan_agreement = sa.Table(
    "plan_agreement",
    metadata,
    identity(),
    reference("connection_plan_id", "connection_plan.id", "to which plan"),
    text("party", "owner, lead, enterprise or military: a party of the rules"),
    text("person", "who agreed for the party: name and position"),
    text("document", "number of the paper that says so", default=""),
    sa.Column("agreed_date", sa.Date, nullable=False, comment="the day of agreement"),
    moment("made_ns", "when it was entered"),
    *_by("made"),
    moment("void_ns", "when an edit took it back: the party agreed to something else", null=True),
    sa.Index(None, "connection_plan_id"),
    comment="that a party agreed to a plan as it stood",
)

price_catalogue = sa.Table(
    "price_catalogue",
    metadata,
    identity(),
    text("title", "what people call it"),
    sa.Column("from_date", sa.Date, nullable=False, comment="in force from this day"),
    text("sha256", "of the workbook that it came from, hex"),
    moment("made_ns", "when it was entered"),
    *_by("made"),
    sa.Index(None, "from_date"),
    comment="prices that an administrator entered; the newest in force on a day counts",
)

price = sa.Table(
    "price",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("catalogue_id", "price_catalogue.id", "of which catalogue"),
    text("code", "unique in the catalogue"),
    text("kind", "what of a plan it prices, or other"),
    text("how", "buy or lease"),
    text("title", "what it is"),
    text("unit", "unit of measure"),
    number("price", "đồng for one, before tax"),
    number("vat", "tax, in hundredths of a per cent"),
    text("source", "who says so: quote, contract, decision"),
    sa.Column("on_day", sa.Date, nullable=False, comment="the day of the source"),
    sa.CheckConstraint("price >= 0", name="price"),
    sa.UniqueConstraint("catalogue_id", "code"),
    comment="what one unit of something costs, on a day, and who says so",
)

estimate = sa.Table(
    "estimate",
    metadata,
    identity(),
    reference("site_id", "site.id", "where"),
    text("code", "as people call it: DT-2026-018; the same for all its versions"),
    number("version", "counts its versions from 1"),
    text("connection_plan_id", "the plan that it costs", null=True),
    text("title", "what it is for"),
    text("how", "buy or lease"),
    text("catalogue", "what the prices were taken from, and of which day"),
    number("contingency", "set aside, in hundredths of a per cent of sum and tax"),
    text("state", "draft, a step of the rules, returned or replaced", default="draft"),
    number("revision", "counts edits; a stale form loses"),
    moment("made_ns", "when it was made"),
    *_by("made"),
    sa.UniqueConstraint("code", "version"),
    sa.Index(None, "site_id", "made_ns"),
    comment="what a plan costs: asked, appraised, approved",
)

estimate_line = sa.Table(
    "estimate_line",
    metadata,
    identity(),
    reference("estimate_id", "estimate.id", "of which estimate"),
    number("at", "place in the table, from 1"),
    text("code", "of the price; lines of two versions or facilities are the same by it"),
    text("kind", "what it is, as the rules call it, or other"),
    text("title", "what it is"),
    text("unit", "unit of measure"),
    number("quantity", "asked for"),
    number("price", "đồng for one before tax, asked for"),
    number("vat", "tax, in hundredths of a per cent"),
    text("source", "where the price comes from, and of which day"),
    sa.Column("example", sa.Boolean, nullable=False, comment="the price is the software's example"),
    text("funding", "where the money comes from: a code of the rules", default=""),
    text("note", "why, in the words of who asks", default=""),
    number("appraised_quantity", "as appraised; null before", null=True),
    number("appraised_price", "as appraised; null before", null=True),
    text("appraised_why", "the reason of the appraiser", default=""),
    number("approved_quantity", "as approved; null before", null=True),
    number("approved_price", "as approved; null before", null=True),
    text("approved_why", "the reason of who approved", default=""),
    sa.CheckConstraint("quantity >= 0 AND price >= 0", name="amounts"),
    sa.UniqueConstraint("estimate_id", "at"),
    sa.Index(None, "code"),
    comment="a line of an estimate: what is asked for, appraised and approved",
)

estimate_step = sa.Table(
    "estimate_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("estimate_id", "estimate.id", "of which estimate"),
    text("code", "a step of the rules, returned, or replaced"),
    text("number", "number of the document", default=""),
    sa.Column("document_date", sa.Date, nullable=True, comment="day of the document"),
    number("amount", "đồng that the step is about", null=True),
    text("said", "what else: supplier, reason of a return", default=""),
    moment("made_ns", "when it was entered"),
    text("made_id", "account that entered it"),
    *_by("made"),
    sa.Index(None, "estimate_id"),
    comment="what happened to an estimate, in order; only ever added",
)

quote = sa.Table(
    "quote",
    metadata,
    identity(),
    reference("line_id", "estimate_line.id", "for which line"),
    text("supplier", "who offers"),
    number("price", "đồng for one before tax"),
    sa.Column("quoted_date", sa.Date, nullable=False, comment="day of the quote"),
    text("file_name", "as it was called"),
    text("media_type", "application/pdf, image/png or image/jpeg"),
    number("size", "bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    moment("made_ns", "when it was attached"),
    *_by("made"),
    sa.Index(None, "line_id"),
    comment="a supplier's quote, attached to a line of an estimate",
)
